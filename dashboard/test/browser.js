// browser.js URL FOLDER SHOTS [NAME...]: opens every page of a built site in a
// headless Chromium, wide and narrow, light and dark, and says what is wrong.
// Screenshots go to SHOTS; NAME limits the pages.
import {mkdirSync, readFileSync, readdirSync} from "node:fs";
import {createRequire} from "node:module";
import {join} from "node:path";
import {chromium} from "playwright-core";

const [base, folder, shots, ...only] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const pages = [];
(function walk(path) {
  for (const entry of readdirSync(join(folder, path), {withFileTypes: true})) {
    const name = join(path, entry.name);
    if (entry.isDirectory() && !entry.name.startsWith("_")) walk(name);
    else if (name.endsWith(".html")) pages.push(name);
  }
})("");
pages.sort();
const metrics = pages.filter((path) => path.startsWith("metric/"));

// In the page: what is wrong with what is shown.
function look() {
  const found = [];
  const main = document.querySelector("main");
  if (!main.querySelector("h1")?.textContent.trim()) found.push("no heading");
  if (main.querySelector(".observablehq--error")) found.push(`error: ${main.querySelector(".observablehq--error").textContent}`);
  for (const word of ["NaN", "undefined", "[object", "Invalid Date", "Infinity"])
    if (main.innerText.includes(word)) found.push(`shows ${word}`);
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) found.push(`${wide} pixels wider than the window`);
  for (const chart of main.querySelectorAll("figure.chart")) {
    const svg = chart.querySelector("svg[class^=plot]");
    if (!svg) found.push("a chart is not drawn");
    else {
      if (!svg.getAttribute("aria-label")) found.push("a chart without a label");
      for (const axis of ["x", "y"])
        if (!svg.querySelector(`[aria-label="${axis}-axis label"]`)?.textContent.trim()) found.push(`the ${axis} axis of ${svg.getAttribute("aria-label")} has no title`);
    }
  }
  for (const band of main.querySelectorAll(".scorebar .band"))
    if (!/ to .*coverage .* %/s.test(band.closest("td, .card").innerText)) found.push("a band without the scores and the coverage in words");
  if (window.breached) found.push("a script in the data ran");
  return found;
}

// As a reader uses it: what is chosen is shown, a column sorts.
async function use(page, say) {
  for (const label of await page.locator("main form[class^=inputs] input[type=radio] ~ *, main form[class^=inputs] label:has(input[type=radio])").allInnerTexts()) {
    const [, text, n] = label.match(/^\s*(.*) \((\d+)\)\s*$/) ?? [];
    if (!text) continue;
    await page.getByLabel(`${text} (${n})`, {exact: true}).check();
    await page.waitForFunction((n) => document.querySelectorAll("main .event").length === n, Number(n), {timeout: 5000}).catch(() => say(`"${text}" does not show ${n}`));
  }
  const select = page.locator("main select");
  if (await select.count()) {
    for (const [i, name] of (await select.locator("option").allInnerTexts()).slice(0, 5).entries()) {
      await select.selectOption({index: i});
      await page.waitForFunction((name) => [...document.querySelectorAll("main .card a")].some((a) => a.textContent.trim() === name.trim()), name, {timeout: 5000})
        .catch(() => say(`"${name}" is chosen and not shown`));
    }
  }
  const head = page.locator("main th button:visible").first();
  if (await head.count()) {
    const column = () => head.evaluate((button) => [...button.closest("table").querySelectorAll("tbody tr")].map((r) => r.cells[0].textContent));
    await head.click();
    const up = await column();
    await head.click();
    const down = await column();
    if (new Set(up).size > 1 && up.join() === down.join()) say("a column does not sort");
  }
}

const texts = new Map();
const wrong = [];
let looks = 0;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // no name but this machine's leads anywhere; root has no sandbox
  args: ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-dev-shm-usage", ...(process.getuid() === 0 ? ["--no-sandbox"] : [])]
});
for (const width of [1280, 390]) {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({viewport: {width, height: width > 500 ? 900 : 844}, colorScheme, reducedMotion: "reduce",
      // a day is the same day everywhere
      timezoneId: colorScheme === "light" ? "America/Los_Angeles" : "Pacific/Auckland"});
    const page = await context.newPage();
    let path;
    const say = (what) => wrong.push(`${path} at ${width}, ${colorScheme}: ${what}`);
    page.on("console", (m) => ["error", "warning"].includes(m.type()) && say(`console: ${m.text()}`));
    page.on("pageerror", (e) => say(`error: ${e.message}`));
    page.on("dialog", (d) => (say("a dialog"), d.dismiss()));
    page.on("response", (r) => r.status() >= 400 && say(`${r.status()} for ${r.url()}`));
    await context.route("**/*", (route) => {
      if (new URL(route.request().url()).origin === new URL(base).origin || /^(data|blob):/.test(route.request().url())) return route.continue();
      say(`asks for ${route.request().url()}`);
      return route.abort();
    });
    for (path of pages) {
      if (only.length && !only.some((o) => path.startsWith(o))) continue;
      looks++;
      await page.goto(new URL(path, base).href, {waitUntil: "load"});
      await page.waitForFunction(() => document.querySelector("main h1") && [...document.querySelectorAll("figure.chart")].every((c) => c.querySelector("svg[class^=plot]")), null, {timeout: 10000})
        .catch(() => say("is not drawn after 10 seconds"));
      (await page.evaluate(look)).forEach(say);
      const text = await page.evaluate(() => document.querySelector("main").innerText);
      if (texts.has(`${path} ${width}`) && texts.get(`${path} ${width}`) !== text) say("says something else in another time zone");
      texts.set(`${path} ${width}`, text);
      // metrics are many, and of one make
      if (!only.length && path.startsWith("metric/") && metrics.indexOf(path) >= 5) continue;
      await page.addScriptTag({content: axe});
      const {violations} = await page.evaluate(() => window.axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}));
      // the Framework's sidebar has its close button in its list
      for (const v of violations.filter((v) => !(v.id === "list" && v.nodes.every((n) => n.html.includes("observablehq-sidebar-close"))))) say(`${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.html.slice(0, 120)}`).join(" | ")}`);
      const shot = join(shots, `${width}-${colorScheme}`, path.replace(/\.html$/, ".png"));
      mkdirSync(join(shot, ".."), {recursive: true});
      await page.screenshot({path: shot, fullPage: true});
      if (width > 500) await use(page, say);
    }
    await context.close();
  }
}
await browser.close();
for (const line of wrong) console.log(line);
console.log(`${looks} looks at ${pages.length} pages, ${wrong.length} faults`);
process.exit(wrong.length || !looks ? 1 : 0);
