// An agent with the official TypeScript SDK: from an API key to a thumbnail, in three calls.
// Arguments: the address of /mcp, an API key, a photo's path, and which client: "v1", "v2" (the newest revision of the
// protocol) or "v2-legacy" (with a handshake). It prints the revision, the tools, and the results as JSON.
import { readFile } from "node:fs/promises";

import * as v2 from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [address, key, photo, which] = process.argv.slice(2);
const me = { name: "darkroom-tests", version: "1.0.0" };
const authorized = { requestInit: { headers: { Authorization: `Bearer ${key}` } } };

async function connect() {
  if (which === "v1") {
    const client = new ClientV1(me);
    const transport = new TransportV1(new URL(address), authorized);
    await client.connect(transport);
    return [client, transport.protocolVersion];
  }
  const mode = which === "v2" ? "auto" : "legacy";
  const client = new v2.Client(me, { versionNegotiation: { mode } });
  await client.connect(new v2.StreamableHTTPClientTransport(new URL(address), authorized));
  return [client, client.getNegotiatedProtocolVersion()];
}

const [client, version] = await connect();
const { tools } = await client.listTools();
const call = (name, args) => client.callTool({ name, arguments: args });

const sent = await call("import_image", { content: (await readFile(photo)).toString("base64") });
const { imageId } = sent.structuredContent;
const waited = await call("wait_for_image", { imageId });
const seen = await call("view_image", { imageId });
const refused = await call("view_image", { imageId, variant: "huge" });
const instructions = client.getInstructions();
await client.close();
console.log(JSON.stringify({ version, instructions, tools, sent, waited, seen, refused }));
