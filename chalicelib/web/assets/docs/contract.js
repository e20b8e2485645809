/** Reads an OpenAPI 3.1 document: its operations in order, with references resolved and examples at hand. */

/** @typedef {Record<string, any>} Schema */
/**
 * @typedef {{name: string, in: string, required?: boolean, description?: string, schema: Schema, example?: any}}
 *   Parameter
 */
/** @typedef {{title: string, summary?: string, value: any}} Example */
/** @typedef {{type: string, schema: Schema, examples: Example[]}} Media */
/** @typedef {{status: string, description: string, headers: [string, any][], media: Media[]}} Answer */
/** @typedef {{status: string, code: string, message: string, advice: string}} Failure */

/** Where the API begins: this page is `docs` there. */
export const API = new URL(".", location.href);

const METHODS = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];

/** One operation, webhook or callback. */
export class Operation {
  /** @param {Contract} contract @param {string} method @param {string} path @param {any} shared @param {any} raw */
  constructor(contract, method, path, shared, raw) {
    this.contract = contract;
    this.raw = raw;
    this.method = method.toUpperCase();
    this.path = path;
    /** @type {string} */
    this.id = raw.operationId ?? `${method}-${path}`.replace(/\W+/g, "-");
    /** @type {string} */
    this.summary = raw.summary ?? this.id;
    /** @type {string} */
    this.description = raw.description ?? "";
    /** @type {string} */
    this.tag = raw.tags?.[0] ?? "Other";
    /** @type {Parameter[]} */
    this.parameters = [...(shared.parameters ?? []), ...(raw.parameters ?? [])].map((each) => contract.resolve(each));
    const body = contract.resolve(raw.requestBody ?? {});
    this.bodyIsRequired = body.required === true;
    this.body = contract.media(body)[0];
  }

  /** The responses, by status. @returns {Answer[]} */
  get answers() {
    return Object.entries(this.raw.responses ?? {}).map(([status, reference]) => {
      const answer = this.contract.resolve(reference);
      const headers = Object.entries(answer.headers ?? {}).map(
        ([name, header]) => /** @type {[string, any]} */ ([name, this.contract.resolve(header)]),
      );
      return { status, description: answer.description ?? "", headers, media: this.contract.media(answer) };
    });
  }

  /** Each error code that can come, with the sentence that it carries. @returns {Failure[]} */
  get failures() {
    return this.answers.filter(({ status }) => !/^[123]/.test(status)).flatMap((answer) => failuresOf(answer));
  }

  /**
   * What lets a caller in: one of these schemes, with one of its scopes where it has any. None where it is public.
   * @returns {[string, string[]][]}
   */
  get security() {
    /** @type {Map<string, string[]>} */
    const schemes = new Map();
    for (const requirement of this.raw.security ?? this.contract.document.security ?? []) {
      for (const [name, scopes] of Object.entries(requirement))
        schemes.set(name, [...(schemes.get(name) ?? []), ...scopes]);
    }
    return [...schemes];
  }

  get callbacks() {
    return Object.entries(this.raw.callbacks ?? {}).flatMap(([name, reference]) =>
      this.contract.operationsOf(this.contract.resolve(reference)).map((operation) => ({ name, operation })),
    );
  }
}

/** @param {Answer} answer @returns {Failure[]} */
function failuresOf({ status, description, media }) {
  const failures = (media[0]?.examples ?? []).map(({ title, summary = "", value }) => ({
    status,
    code: value?.error?.code ?? title,
    message: value?.message ?? description,
    advice: summary,
  }));
  return failures.length ? failures : [{ status, code: "", message: description, advice: "" }];
}

/** The whole document. */
export class Contract {
  /** @param {any} document */
  constructor(document) {
    this.document = document;
    this.operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
      this.operationsOf({ [path]: item }),
    );
    this.webhooks = this.operationsOf(document.webhooks ?? {});
    /** @type {Map<string, Operation>} */
    this.byId = new Map(this.operations.map((operation) => [operation.id, operation]));
  }

  /**
   * What a piece of code in a description names: an operation by its id, or by method and path.
   * @param {string} code
   */
  find(code) {
    return this.byId.get(code) ?? this.operations.find(({ method, path }) => code === `${method} ${path}`);
  }

  /** The place on this page of what a piece of code names. @param {string} code */
  linkOf = (code) => {
    const operation = this.find(code);
    return operation && `#${operation.id}`;
  };

  /** Tags in the order of the document, each with its operations. */
  get tags() {
    const described = new Map((this.document.tags ?? []).map((/** @type {any} */ tag) => [tag.name, tag.description]));
    const names = new Set([...described.keys(), ...this.operations.map(({ tag }) => tag)]);
    return [...names]
      .map((name) => ({
        name,
        description: described.get(name) ?? "",
        operations: this.operations.filter(({ tag }) => tag === name),
      }))
      .filter(({ operations }) => operations.length);
  }

  /** The operations of a map from paths (of webhooks: names) to what is there. @param {Record<string, any>} paths */
  operationsOf(paths) {
    return Object.entries(paths).flatMap(([path, reference]) => {
      const item = this.resolve(reference);
      const methods = METHODS.filter((method) => method in item);
      return methods.map((method) => new Operation(this, method, path, item, item[method]));
    });
  }

  /** What a reference points to; what stands beside the reference holds over it. @param {any} node @returns {any} */
  resolve(node) {
    for (let hops = 0; node?.$ref && hops < 20; hops++) {
      const { $ref, ...beside } = node;
      const steps = $ref.split("/").slice(1);
      const target = steps.reduce(
        (/** @type {any} */ at, /** @type {string} */ step) => at?.[unescaped(step)],
        this.document,
      );
      node = { ...target, ...beside };
    }
    return node ?? {};
  }

  /** @param {any} owner a body or a response @returns {Media[]} */
  media(owner) {
    return Object.entries(owner.content ?? {}).map(([type, { schema = {}, example, examples }]) => {
      const named = Object.entries(examples ?? {}).map(([name, reference]) => {
        const { summary, value } = this.resolve(reference);
        return { title: summary ?? name, summary, value };
      });
      const single = example === undefined ? [] : [{ title: "Example", value: example }];
      return { type, schema, examples: [...named, ...single] };
    });
  }

  /**
   * The examples of a body or a response; one made from its schema where there is none.
   * @param {Media} media
   * @returns {Example[]}
   */
  examples(media) {
    return media.examples.length ? media.examples : [{ title: "Example", value: this.example(media.schema) }];
  }

  /**
   * A value that fits a schema, of required fields alone.
   * @param {Schema} reference
   * @param {number} [depth]
   * @returns {any}
   */
  example(reference, depth = 0) {
    const schema = this.resolve(reference);
    const given = [schema.example, schema.examples?.[0], schema.const, schema.default, schema.enum?.[0]];
    const first = given.find((value) => value !== undefined);
    if (first !== undefined || depth > 6) return first ?? null;
    const [alternative] = schema.oneOf ?? schema.anyOf ?? [];
    if (alternative && !schema.properties) return this.example(alternative, depth);
    const whole = merged(this, schema);
    const type = Array.isArray(whole.type) ? whole.type[0] : (whole.type ?? (whole.properties ? "object" : "string"));
    if (type === "object") {
      const names = Object.keys(whole.properties ?? {}).filter((name) => whole.required?.includes(name));
      return Object.fromEntries(names.map((name) => [name, this.example(whole.properties[name], depth + 1)]));
    }
    if (type === "array") return [this.example(whole.items ?? {}, depth + 1)];
    if (type === "integer" || type === "number") return whole.minimum ?? 1;
    return { boolean: true, null: null, string: exampleText(whole) }[/** @type {"string"} */ (type)];
  }
}

/** @param {Schema} schema */
function exampleText({ format, minLength = 0 }) {
  const known = {
    "date-time": "2026-01-31T12:00:00Z",
    date: "2026-01-31",
    email: "user@example.com",
    uri: "https://example.com/",
  };
  return known[/** @type {"date"} */ (format)] ?? "string".padEnd(minLength, "…");
}

/** A schema with what its `allOf` adds. @param {Contract} contract @param {Schema} reference @returns {Schema} */
export function merged(contract, reference) {
  const { allOf = [], ...schema } = contract.resolve(reference);
  return allOf.reduce((/** @type {Schema} */ whole, /** @type {Schema} */ part) => {
    const added = merged(contract, part);
    return {
      ...added,
      ...whole,
      ...(whole.properties || added.properties ? { properties: { ...added.properties, ...whole.properties } } : {}),
      ...(whole.required || added.required ? { required: [...(added.required ?? []), ...(whole.required ?? [])] } : {}),
    };
  }, schema);
}

/** One step of a JSON pointer in a URL fragment (RFC 6901, section 6). @param {string} step */
function unescaped(step) {
  return decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
}
