// Uses the pages at /docs as a reader does, and prints what was seen, as JSON.
// Arguments: the API's address; e-mail address and password of a user; those of one whose password is temporary; and
// the password that this one chooses.
import http from "node:http";
import { launch } from "./browser.js";

const [api, email, password, newcomer, temporary, chosen] = process.argv.slice(2);
const STAGE = "/prod";

/** The API behind a stage's name, as API Gateway has it. Notes each request. */
function stageProxy() {
  const requests = [];
  const server = http.createServer((request, response) => {
    requests.push({ method: request.method, url: request.url, authorization: request.headers.authorization });
    if (!request.url.startsWith(`${STAGE}/`)) return response.writeHead(403).end();
    const options = { method: request.method, headers: { ...request.headers, host: new URL(api).host } };
    const forwarded = http.request(api + request.url.slice(STAGE.length), options, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    request.pipe(forwarded);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({ server, requests })));
}

/** A page at an address, when the contract is shown. Complaints of the browser are added to `complaints`. */
async function open(browser, address, complaints = [], width = 1280) {
  const page = await browser.newPage();
  await page.setViewport({ width, height: 900 });
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(address);
  await page.waitForSelector("main h1");
  return page;
}

const texts = (page, selector) => page.$$eval(selector, (found) => found.map((each) => each.textContent));

async function readEverything(browser, complaints) {
  const page = await open(browser, `${api}/docs#everything`, complaints);
  const seen = { operations: await texts(page, "article.operation .id") };
  await page.setViewport({ width: 360, height: 740 });
  seen.overflowing = await page.evaluate(async () => {
    const wide = [];
    for (const { hash } of document.querySelectorAll("#entries a")) {
      const isShown = new Promise((resolve) => addEventListener("hashchange", resolve, { once: true }));
      location.hash = hash;
      await isShown;
      if (document.documentElement.scrollWidth > innerWidth) wide.push(hash);
    }
    return wide;
  });
  await page.close();
  return seen;
}

async function search(browser, complaints) {
  const page = await open(browser, `${api}/docs`, complaints);
  const found = {};
  for (const query of ["STORAGE_LIMIT_EXCEEDED", "post upload", "fileType", "execution", "nothing like this"]) {
    await page.keyboard.press("/");
    await page.keyboard.type(query);
    found[query] = await texts(page, "#entries .path");
    await page.keyboard.press("Escape");
  }
  await page.keyboard.press("/");
  await page.keyboard.type("fileType");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".found");
  found.opened = await page.evaluate(() => location.hash);
  found.marked = await texts(page, ".found .name");
  await page.close();
  return found;
}

async function copyCode(browser, complaints) {
  await browser
    .defaultBrowserContext()
    .overridePermissions(api, ["clipboard-read", "clipboard-write", "clipboard-sanitized-write"]);
  const page = await open(browser, `${api}/docs#list_images`, complaints);
  const copied = async () => {
    await page.click("[role=tabpanel]:not([hidden]) .copy");
    await page.waitForFunction(() => document.querySelector("#announcement").textContent === "Copied");
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const curl = await copied();
  await page.focus("[role=tab]");
  await page.keyboard.press("ArrowRight");
  const python = await copied();
  await page.close();
  return { curl, python };
}

async function tryWithMarkup(browser) {
  const page = await open(browser, `${api}/docs`);
  const outcome = await page.evaluate(() => {
    const refused = [];
    document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
    const script = document.createElement("script");
    script.append("window.ran = true");
    document.body.append(script);
    document.body.setAttribute("style", "color: red");
    try {
      document.body.innerHTML = "<p>markup</p>";
    } catch (error) {
      refused.push(error.name);
    }
    return new Promise((resolve) => setTimeout(() => resolve({ ran: Boolean(window.ran), refused })));
  });
  await page.close();
  return outcome;
}

async function signIn(page, name, secret) {
  await page.click("#account");
  await page.type("[name=email]", name);
  await page.type("[name=password]", secret);
  await page.click("#password-form button");
}

const isSignedIn = (page) => page.waitForSelector("body.signed-in");

async function send(page) {
  await page.evaluate(() =>
    [...document.querySelectorAll("[role=tab]")].find((tab) => tab.textContent === "Try it").click(),
  );
  await page.click(".request .primary");
}

async function tryIt(browser, complaints, requests, stage) {
  const page = await open(browser, `${stage}/docs#list_images`, complaints);
  await signIn(page, email, password);
  await isSignedIn(page);
  await send(page);
  const seen = {
    status: await page.$eval(await waited(page, ".outcome strong"), (each) => each.textContent),
    answer: JSON.parse(await page.$eval(".response pre", (each) => each.textContent)),
    code: await texts(page, ".request pre code"),
    kept: await page.evaluate(() => Object.keys(localStorage)),
  };
  await page.evaluate(() => (location.hash = "delete_image"));
  await page.waitForFunction(() => document.querySelector("main .id").textContent === "delete_image");
  await page.evaluate(() => (document.querySelector(".request [name=imageId]").value = "img_never"));
  const deletions = () => requests.filter(({ method }) => method === "DELETE").length;
  await send(page);
  await page.click("#confirm [value='']");
  seen.deletionsAfterCancel = deletions();
  await send(page);
  await page.click("#confirm [value=send]");
  seen.afterDelete = await page.$eval(await waited(page, ".outcome strong"), (each) => each.textContent);
  seen.deletionsAfterSend = deletions();
  await page.close();
  return seen;
}

async function waited(page, selector) {
  await page.waitForSelector(selector);
  return selector;
}

async function answerChallenge(browser, stage) {
  const page = await open(browser, `${stage}/docs`);
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await page.waitForSelector("main h1");
  await signIn(page, newcomer, temporary);
  await page.waitForSelector("#challenge-form:not([hidden])");
  const asked = await page.$eval("#challenge", (each) => each.textContent);
  await page.type("[name=answer]", chosen);
  await page.click("#challenge-form button");
  await isSignedIn(page);
  const account = await page.$eval("#account", (each) => each.textContent);
  await page.close();
  return { asked, account };
}

const browser = await launch();
const { server, requests } = await stageProxy();
try {
  const stage = `http://127.0.0.1:${server.address().port}${STAGE}`;
  const complaints = [];
  const seen = {
    everything: await readEverything(browser, complaints),
    search: await search(browser, complaints),
    copied: await copyCode(browser, complaints),
    complaints: [...complaints],
    markup: await tryWithMarkup(browser),
    tried: await tryIt(browser, [], requests, stage),
    challenge: await answerChallenge(browser, stage),
    requests,
  };
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
  server.closeAllConnections();
  server.close();
}
