/** The same request as a curl command and as Python. A token is never written into them: they read $DARKROOM_TOKEN. */

/** @typedef {{method: string, url: string, headers: [string, string][], body?: string, needsToken: boolean}} Request */

/** Of the environment. */
export const TOKEN_VARIABLE = "DARKROOM_TOKEN";

/** A command for a POSIX shell. @param {Request} request */
export function curl({ method, url, headers, body, needsToken }) {
  const parts = [`curl ${quoted(url)}`];
  // A body makes it a POST.
  if (method !== (body === undefined ? "GET" : "POST")) parts.push(`-X ${method}`);
  if (needsToken) parts.push(`-H "Authorization: Bearer $${TOKEN_VARIABLE}"`);
  for (const [name, value] of headers) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body !== undefined) parts.push(`-d ${quoted(body)}`);
  return parts.join(" \\\n  ");
}

/** A word of a POSIX shell. @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A script for the package `requests`. @param {Request} request */
export function python({ method, url, headers, body, needsToken }) {
  const token = needsToken ? [`    "Authorization": f"Bearer {os.environ['${TOKEN_VARIABLE}']}",`] : [];
  const others = headers
    .filter(([name]) => name !== "Content-Type")
    .map(([name, value]) => `    ${literal(name)}: ${literal(value)},`);
  const lines = [...token, ...others];
  return [
    ...(needsToken ? ["import os", ""] : []),
    "import requests",
    "",
    `response = requests.${method.toLowerCase()}(`,
    `    ${literal(url)},`,
    ...(lines.length ? ["    headers={", ...lines.map((line) => `    ${line}`), "    },"] : []),
    ...(body === undefined ? [] : [`    json=${indented(jsonOf(body))},`]),
    "    timeout=30,",
    ")",
    "response.raise_for_status()",
    "print(response.text)",
  ].join("\n");
}

/** @param {string} body */
function jsonOf(body) {
  try {
    return literal(JSON.parse(body));
  } catch {
    return literal(body);
  }
}

/** @param {string} text */
function indented(text) {
  return text.replaceAll("\n", "\n    ");
}

/** A value as Python writes it. A JSON text is a Python text too. @param {any} value @returns {string} */
export function literal(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const items = Object.entries(value).map(([name, item]) =>
    Array.isArray(value) ? literal(item) : `${JSON.stringify(name)}: ${literal(item)}`,
  );
  if (!items.length) return open + close;
  return `${open}\n    ${items.map(indented).join(",\n    ")},\n${close}`;
}
