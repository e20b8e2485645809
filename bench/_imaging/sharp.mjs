// Runs the job with sharp, in the form that costs it least CPU time: node sharp.mjs JOB.json (see jobs.py).
//
// One decode for all files, each size made of the largest, and marks composited onto their own box alone: compositing
// the whole picture costs twice as much.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const sharp = createRequire(join(job.installed, "package.json"))("sharp");
sharp.concurrency(1);
sharp.cache(false);

const input = readFileSync(job.input);
const marks = job.sizes.map(({ mark }) => mark && { ...mark, pixels: readFileSync(mark.file) });

async function run() {
  const files = [];
  let source = sharp(input).autoOrient();
  for (const [at, { width, height }] of job.sizes.entries()) {
    const { data, info } = await source
      .resize(width, height, { fit: "fill" })
      .flatten({ background: "white" })
      .raw()
      .toBuffer({ resolveWithObject: true });
    const raw = { width, height, channels: info.channels };
    const plain = Buffer.from(data);
    files.push(await encode(plain, raw));
    if (marks[at]) files.push(await encode(await mark(data, raw, marks[at]), raw));
    if (at === 0) source = sharp(plain, { raw });
  }
  return files;
}

function encode(pixels, raw) {
  return sharp(pixels, { raw }).jpeg({ quality: job.quality, progressive: true, chromaSubsampling: "4:2:0" }).toBuffer();
}

async function mark(pixels, { width, height, channels }, { left, top, pixels: tile, ...box }) {
  const part = { left, top, width: box.width, height: box.height };
  const overlay = { input: tile, raw: { width: box.width, height: box.height, channels: 4 } };
  const cut = await sharp(pixels, { raw: { width, height, channels } }).extract(part).raw().toBuffer();
  const marked = await sharp(cut, { raw: { width: box.width, height: box.height, channels } })
    .composite([overlay])
    .removeAlpha()
    .raw()
    .toBuffer();
  for (let row = 0; row < box.height; row++) {
    const start = row * box.width * channels;
    marked.copy(pixels, ((top + row) * width + left) * channels, start, start + box.width * channels);
  }
  return pixels;
}

function peak() {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
}

for await (const line of createInterface({ input: process.stdin })) {
  const before = process.cpuUsage();
  const started = performance.now();
  const files = await run();
  const wall = (performance.now() - started) / 1000;
  const used = process.cpuUsage(before);
  if (line) files.forEach((file, at) => writeFileSync(join(line, `${at}.jpg`), file));
  console.log(JSON.stringify({ cpu: (used.user + used.system) / 1e6, wall, peak: peak() }));
}
