/** What the page uses of idb. */
export interface Store {
  get(key: number): Promise<any>;
  getAll(query?: string): Promise<any[]>;
  add(value: object, key?: number): Promise<number>;
  put(value: object, key?: number): Promise<number>;
  delete(key: number): Promise<void>;
  index(name: string): Store;
  createIndex(name: string, keyPath: string): Store;
}
export interface Transaction {
  done: Promise<void>;
  objectStore(name: string): Store;
  abort(): void;
}
export interface Database {
  close(): void;
  get(store: string, key: number): Promise<any>;
  getAllFromIndex(store: string, index: string, query: string): Promise<any[]>;
  createObjectStore(name: string, options?: object): Store;
  transaction(stores: string[], mode: "readonly" | "readwrite", options?: object): Transaction;
}
export function openDB(
  name: string,
  version: number,
  events: { upgrade(database: Database): void; blocking(version: number, next: number | null, event: Event): void; terminated(): void },
): Promise<Database>;
