// Looks at pages in a real browser: `node look.mjs PLAN.json`. Prints one JSON report; ends with 1 where something is wrong.
//
// The plan:
//   {
//     "origin": "http://127.0.0.1:3000",       everything a page loads must come from here
//     "headers": { "authorization": "…" },     sent with every request (optional)
//     "pictures": "docs/pictures",             where screenshots go (optional); made if missing
//     "turned": true,                          look at pages from right to left as well (optional)
//     "pages": [{
//       "name": "survey",                      of its screenshots: survey-390.png, survey-1440-dark.png
//       "path": "/s/…",
//       "status": 200,                         expected (optional)
//       "script": true,                        may it need script? Without it, script is off (optional)
//       "views": ["390-light"],                only these; else all four (optional)
//       "keys": ["Tab", "Space", "type:Hello", "Enter"],
//                                              pressed before the page is judged, by keyboard alone (optional)
//       "contains": ["Thank you"],             text that must then be on it (optional)
//       "only": "frames"                       axe judges what its frames show, and nobody the page around them; with
//                                              "size" not even that: it was judged in other words (optional)
//     }]
//   }
//
// Each page is looked at 390 and 1440 pixels wide, light and dark. It is wrong if it: answers another status, is wider than
// the window (with "turned": true also as it looks from right to left), asks for anything from elsewhere, breaks its own
// security policy, weighs more than `most_bytes` (30 KB), shows a document in a frame that is wider than the frame, has
// something that the keyboard does not reach or that shows no focus, or something that axe-core finds (WCAG 2.2 AA
// and best practices; in a frame, which may show a mail and has no landmarks, WCAG alone). BROWSER names another browser than Debian's /usr/bin/chromium.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const VIEWS = [
  { width: 390, height: 844, scheme: "light" },
  { width: 1440, height: 900, scheme: "light" },
  { width: 390, height: 844, scheme: "dark" },
  { width: 1440, height: 900, scheme: "dark" },
];

// A browser that hangs must not hold up everything else.
setTimeout(() => {
  console.error("the browser took more than five minutes");
  process.exit(2);
}, 300_000).unref();

const plan = JSON.parse(readFileSync(process.argv[2] ?? 0, "utf8"));
const MOST_BYTES = plan.most_bytes ?? 30 * 1024;
const browser = await chromium.launch({
  executablePath: process.env.BROWSER ?? "/usr/bin/chromium",
  args: [
    // In a container there is no user name space to put the sandbox in, and little shared memory.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    // In a process of its own, a frame passes the focus on some time after the key, and the walk may miss where it was.
    "--disable-site-isolation-trials",
  ],
});
if (plan.pictures) mkdirSync(plan.pictures, { recursive: true });
// How fast a machine is says nothing of a page: only the five minutes above end a look.
const PATIENCE = 240_000;

let judge;
const windows = {};
const report = [];
for (const page of plan.pages) {
  const asked = ({ width, scheme }) => !page.views || page.views.includes(`${width}-${scheme}`);
  for (const view of VIEWS.filter(asked)) report.push(await look(page, view));
}
await browser.close();

const wrong = report.filter((seen) => seen.wrong.length > 0);
console.log(JSON.stringify({ looked_at: report.length, wrong, pages: report }, null, 1));
process.exit(wrong.length > 0 ? 1 : 0);

async function look(wanted, { width, height, scheme }) {
  windows[wanted.script === true] ??= newWindow(wanted.script === true);
  const window = await windows[wanted.script === true];
  const wrong = [];
  Object.assign(window, { wrong, status: wanted.status });
  const { page } = window;
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });

  const answer = await page.goto(plan.origin + wanted.path, { waitUntil: "load" });
  const bytes = (await answer.body()).length;
  if (wanted.status && answer.status() !== wanted.status) wrong.push(`answers ${answer.status()}`);
  if (bytes > MOST_BYTES) wrong.push(`weighs ${bytes} bytes`);
  if (wanted.keys) await press(page, wanted.keys);
  await page.waitForLoadState("load");
  const text = await page.locator("body").innerText();
  for (const part of wanted.contains ?? []) {
    if (!text.includes(part)) wrong.push(`does not say "${part}"`);
  }

  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) wrong.push(`is ${wide} pixels too wide`);
  if (plan.turned) wrong.push(...(await page.evaluate(turnedAround)));
  for (const frame of page.frames().slice(1)) {
    const wide = await frame.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) wrong.push(`its frame shows something that is ${wide} pixels too wide`);
    if (wanted.only !== "size") wrong.push(...(await findings(await frame.content(), WCAG, { width, height, scheme })));
  }
  if (!wanted.only) {
    wrong.push(...(await findings(await page.content(), [...WCAG, "best-practice"], { width, height, scheme })));
  }
  if (plan.pictures) {
    const name = `${wanted.name}-${width}${scheme === "dark" ? "-dark" : ""}.png`;
    await page.screenshot({ path: join(plan.pictures, name), fullPage: true, animations: "disabled" });
  }
  if (!wanted.only) wrong.push(...(await unreachable(page)));
  return { name: wanted.name, width, scheme, bytes, wrong };
}

// Pages are looked at in one window, one after the other: to open it takes longer than to look.
async function newWindow(script) {
  const context = await browser.newContext({ javaScriptEnabled: script, extraHTTPHeaders: plan.headers });
  context.setDefaultTimeout(PATIENCE);
  const window = { page: await context.newPage() };
  window.page.on("console", (message) => {
    // Chromium logs a page whose very status is an error; that status may be what is wanted.
    if (window.status >= 400 && message.text().includes(`status of ${window.status}`)) return;
    if (["error", "warning"].includes(message.type())) window.wrong.push(`console: ${message.text()}`);
  });
  window.page.on("pageerror", (error) => window.wrong.push(`script: ${error.message}`));
  window.page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(plan.origin) && !url.startsWith("data:")) window.wrong.push(`asks for ${url}`);
  });
  return window;
}

// As a reader from right to left sees it: nothing may leave the window. Runs in the page.
function turnedAround() {
  const root = document.documentElement;
  const before = root.dir;
  root.dir = "rtl";
  const shown = [...document.body.querySelectorAll("*")].filter((element) => element.checkVisibility());
  const outside = shown.filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return width > 1 && (left < -1 || right > root.clientWidth + 1);
  });
  root.dir = before;
  return outside.slice(0, 3).map((element) => `from right to left it leaves the window: ${element.outerHTML.slice(0, 100)}`);
}

async function press(page, keys) {
  for (const key of keys) {
    if (key.startsWith("type:")) await page.keyboard.type(key.slice(5));
    else if (key === "Submit") {
      // Enter on what has the focus, and what it leads to.
      await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.keyboard.press("Enter")]);
    } else await page.keyboard.press(key);
  }
}

// Axe is a script itself, so it gets what the page has come to in a window of its own, where scripts run. One window, in
// which axe stays loaded: that takes longer than to run it. It never was in frames, and need not wait for their answer.
async function findings(html, rules, { width, height, scheme }) {
  judge ??= newJudge();
  const page = await judge;
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
  await page.setContent(html);
  const found = await page.evaluate((rules) => axe.run(document, { runOnly: rules, resultTypes: ["violations"], iframes: false }), rules);
  return found.violations.map(
    ({ id, help, nodes }) => `axe ${id}: ${help}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`,
  );
}

async function newJudge() {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.evaluate(AXE);
  return page;
}

// Walks through the page with the tab key: all that can be used must come by, and show that it has the focus.
async function unreachable(page) {
  const count = await page.evaluate(() => {
    const usable = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, iframe")];
    const groups = new Set();
    const stops = usable.filter((element) => {
      if (element.disabled || element.type === "hidden" || !element.checkVisibility()) return false;
      if (element.type !== "radio") return true;
      // The tab key stops once at a group of radio buttons.
      const group = `${[...document.forms].indexOf(element.form)} ${element.name}`;
      return !groups.has(group) && groups.add(group);
    });
    stops.forEach((element) => element.setAttribute("data-stop", ""));
    return stops.length;
  });
  await page.evaluate(() => document.activeElement?.blur());
  const seen = new Set();
  const wrong = [];
  // The tab key stops in a date at day, month, year and the calendar, and in a frame at each of its links.
  const [dates, frames] = [await page.locator("input[type=date]").count(), await page.locator("iframe").count()];
  const most = count + 3 * dates + 20 * frames + 5;
  for (let step = 0; step < most && seen.size < count; step += 1) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const stops = [...document.querySelectorAll("[data-stop]")];
      const same = (stop) => stop === element || (element.type === "radio" && stop.name === element.name && stop.form === element.form);
      const styled = (one) => { const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one); return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none"; };
      const label = element.labels?.[0];
      return {
        stop: stops.findIndex(same),
        what: element.outerHTML.slice(0, 120),
        // A control may be drawn by its label.
        shown: styled(element) || (label && styled(label)) || element.tagName === "IFRAME",
      };
    });
    if (!focus) continue;
    if (!focus.shown) wrong.push(`shows no focus: ${focus.what}`);
    if (focus.stop >= 0) seen.add(focus.stop);
  }
  if (seen.size < count) wrong.push(`the keyboard reaches ${seen.size} of ${count} controls`);
  return wrong;
}
