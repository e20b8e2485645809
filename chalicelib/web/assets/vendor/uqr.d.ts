export function encode(text: string, options?: Record<string, unknown>): { size: number; data: boolean[][] };
