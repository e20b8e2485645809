// A headless browser: on Linux the Chromium that an npm package carries, elsewhere the Chrome that is installed.
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

export async function launch() {
  if (process.platform !== "linux") return puppeteer.launch({ channel: "chrome" });
  return puppeteer.launch({
    // Not the package's own arguments: they are made for Lambda, and switch off what protects a page.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    executablePath: await chromium.executablePath(),
    headless: "shell",
  });
}
