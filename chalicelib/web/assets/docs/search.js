/** Finds operations by path, summary, field, error code or words of their description. */

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Operation} Operation */
/** @typedef {{kind: string, text: string, weight: number}} Place */
/** @typedef {{operation: Operation, address: string, places: Place[]}} Entry An operation or webhook, and its page. */

/** What is searched of each operation and webhook. @param {Contract} contract @returns {Entry[]} */
export function buildIndex(contract) {
  return [
    ...contract.operations.map((operation) => toEntry(contract, operation, operation.id)),
    ...contract.webhooks.map((webhook) => toEntry(contract, webhook, `webhook-${webhook.id}`)),
  ];
}

/** @param {Contract} contract @param {Operation} operation @param {string} address @returns {Entry} */
function toEntry(contract, operation, address) {
  return {
    operation,
    address,
    places: [
      place("path", `${operation.method} ${operation.path}`, 4),
      place("name", operation.id, 4),
      place("summary", operation.summary, 3),
      place("tag", operation.tag, 2),
      ...unique(operation.failures.map(({ code }) => code)).map((code) => place("error code", code, 3)),
      ...unique(fieldsOf(contract, operation)).map((name) => place("field", name, 3)),
      place("description", operation.description, 1),
    ],
  };
}

/** @param {string} kind @param {string} text @param {number} weight @returns {Place} */
function place(kind, text, weight) {
  return { kind, text, weight };
}

/** @param {string[]} texts */
function unique(texts) {
  return [...new Set(texts.filter(Boolean))];
}

/** The names of all fields that go in and come out. @param {Contract} contract @param {Operation} operation */
function fieldsOf(contract, operation) {
  const media = [
    operation.body,
    ...operation.answers.filter(({ status }) => /^2/.test(status)).flatMap((answer) => answer.media),
  ];
  return [
    ...operation.parameters.map(({ name }) => name),
    ...media.flatMap((each) => (each ? namesIn(contract, each.schema, 0) : [])),
  ];
}

/** @param {Contract} contract @param {any} reference @param {number} depth @returns {string[]} */
function namesIn(contract, reference, depth) {
  if (depth > 8 || typeof reference !== "object") return [];
  const schema = contract.resolve(reference);
  const inside = [
    schema.items,
    schema.additionalProperties,
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
  ];
  return [
    ...Object.keys(schema.properties ?? {}),
    ...[...Object.values(schema.properties ?? {}), ...inside].flatMap((each) =>
      each ? namesIn(contract, each, depth + 1) : [],
    ),
  ];
}

/**
 * The operations in which every word of the query is found, best first, each with the field or code that was found.
 * @param {Entry[]} index
 * @param {string} query
 * @returns {{operation: Operation, address: string, because?: Place}[]}
 */
export function find(index, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return index
    .map(({ operation, address, places }) => {
      const best = words.map((word) => bestPlace(places, word));
      return {
        operation,
        address,
        score: Math.min(...best.map(({ score }) => score)),
        sum: best.reduce((sum, { score }) => sum + score, 0),
        because: best.find(({ place }) => place && ["error code", "field"].includes(place.kind))?.place,
      };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.sum - a.sum);
}

/** @param {Place[]} places @param {string} word @returns {{place?: Place, score: number}} */
function bestPlace(places, word) {
  return places.reduce(
    (/** @type {{place?: Place, score: number}} */ best, place) => {
      const score = place.weight * closeness(place.text.toLowerCase(), word);
      return score > best.score ? { place, score } : best;
    },
    { score: 0 },
  );
}

/** @param {string} text @param {string} word */
function closeness(text, word) {
  if (text === word) return 4;
  if (text.startsWith(word)) return 2;
  return text.includes(word) ? 1 : 0;
}
