// Signs in, uploads a photo and waits for its variants, by a client that was generated from the contract.
// Arguments: the API's address, an e-mail address, a password, and a photo's path. It prints the image as JSON.
import { readFile } from "node:fs/promises";

import { client } from "./darkroom/client.gen";
import { createUpload, getImage, signIn } from "./darkroom/sdk.gen";

const [api, email, password, photo] = process.argv.slice(2) as [string, string, string, string];
client.setConfig({ baseUrl: api, throwOnError: true });

async function tokenOf(email: string, password: string): Promise<string> {
  const { data } = await signIn({ body: { email, password }, throwOnError: true });
  if (!("accessToken" in data)) throw new Error(`a challenge comes first: ${data.challenge}`);
  return data.accessToken;
}

async function upload(path: string): Promise<string> {
  const bytes = await readFile(path);
  const { data } = await createUpload({
    body: { fileName: "photo.jpg", fileType: "image/jpeg", fileSize: bytes.length, method: "PUT" },
    throwOnError: true,
  });
  if (!("uploadUrl" in data)) throw new Error("only an import has no address to send the file to");
  const sent = await fetch(data.uploadUrl, { method: "PUT", headers: data.headers!, body: bytes });
  if (!sent.ok) throw new Error(`S3 refused the photo with ${sent.status}`);
  return data.imageId;
}

async function finished(imageId: string) {
  for (let tries = 0; tries < 300; tries++) {
    const { data } = await getImage({ path: { imageId }, throwOnError: true });
    if (data.image.status === "COMPLETED" || data.image.status === "FAILED") return data.image;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("not finished after 30 s");
}

async function main(): Promise<void> {
  const token = await tokenOf(email, password);
  client.setConfig({ auth: () => token });
  console.log(JSON.stringify(await finished(await upload(photo))));
}

void main();
