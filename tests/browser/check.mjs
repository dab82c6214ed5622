// Opens every page of a folder in one Chromium and prints the problems of each as JSON: {"<page>": ["<problem>", …]}.
//
//   node check.mjs FOLDER '{"<page>": [["<state>", <number of images>], …]}'
//
// The states of a page begin with the most urgent one.
//
// With SCREENSHOTS=FOLDER, it also writes a picture of each page in each width and color scheme.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [folder, expected] = [process.argv[2], JSON.parse(process.argv[3])];
const screenshots = process.env.SCREENSHOTS;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [360, 768, 1280];

/// Opens a page, and collects what must not happen: console messages, errors, and requests other than the page itself.
async function open(browser, name, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const url = pathToFileURL(join(folder, `${name}.html`)).href;
  const problems = [];
  page.on("console", (message) => problems.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("request", (request) => request.url() === url || problems.push(`request: ${request.url()}`));
  await page.goto(url);
  return { context, page, problems };
}

const equal = (problems, what, found, wanted) => {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    problems.push(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  }
};

const total = (states) => states.reduce((sum, [, count]) => sum + count, 0);

const shown = (page) => page.locator(".image:visible").evaluateAll((images) => images.map((image) => image.dataset.name));

/// The page in each width, folded and unfolded, and what axe-core finds in the last one.
async function readable(browser, name, widths, colorScheme) {
  const { context, page, problems } = await open(browser, name, { colorScheme });
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    await fold(page, false);
    const title = page.locator("#attention, #images-title").first();
    const top = await title.evaluate((title) => title.getBoundingClientRect().top);
    if (top > 800) problems.push(`${width} px: the first thing to read begins at ${top} px`);
    if (screenshots) {
      await page.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
    for (const isOpen of [false, true]) {
      await fold(page, isOpen);
      const content = await page.evaluate(() => document.documentElement.scrollWidth);
      if (content > width) problems.push(`${width} px: the page scrolls sideways, ${content} px`);
    }
  }
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => axe.run());
  for (const { id, nodes } of violations) {
    problems.push(`${colorScheme}: axe: ${id}: ${nodes.map((node) => node.html).join(" ")}`);
  }
  if (passes.length < 15) problems.push(`axe checked only ${passes.length} rules`);
  await context.close();
  return problems;
}

const fold = (page, isOpen) => page.evaluate((isOpen) => {
  document.querySelectorAll("details").forEach((details) => { details.open = isOpen; });
}, isOpen);

/// Filter, sorting and keyboard.
async function usable(browser, name, states) {
  const { context, page, problems } = await open(browser, name, { viewport: { width: 1280, height: 800 } });
  const all = await shown(page);
  equal(problems, "images", all.length, total(states));
  const [words, state, order] = ["#words", "#state", "#order"].map((id) => page.locator(id));
  for (const [value, count] of states) {
    await state.selectOption(value);
    equal(problems, `images that are ${value}`, (await shown(page)).length, count);
  }
  await state.selectOption("");
  await words.fill("RUNNER 2026-07");
  equal(problems, "images after filtering", await shown(page), ["runner"]);
  equal(problems, "groups after filtering", await page.locator(".group:visible").count(), 1);
  equal(problems, "number after filtering", await page.locator("#shown").textContent(), `1 of ${all.length} shown`);
  await words.fill("no image has this");
  equal(problems, "images after filtering by what none has", await shown(page), []);
  await words.fill("");
  const compare = { rank: (a, b) => a - b, seconds: (a, b) => b - a };
  for (const value of ["seconds", "name", "verdict", "rank"]) {
    await order.selectOption(value);
    for (const group of await page.locator(".group").all()) {
      const keys = await group.locator(".image").evaluateAll((images, key) => images.map((image) => image.dataset[key]), value);
      equal(problems, `sorted by ${value}`, keys, [...keys].sort(compare[value] ?? ((a, b) => a.localeCompare(b))));
    }
  }
  equal(problems, "the most urgent state", await page.locator(".image").first().getAttribute("data-state"), states[0][0]);

  const image = page.locator(".image", { has: page.locator("code.whole", { hasText: "sha256:" }) }).first();
  await image.locator("summary").click();
  await image.locator("code.whole", { hasText: "sha256:" }).first().click();
  const selected = await page.evaluate(() => getSelection().toString());
  if (!/^sha256:[0-9a-f]{64}$/.test(selected)) problems.push(`a click on a digest selects ${JSON.stringify(selected)}`);

  problems.push(...await reachedByKeyboard(page));
  await context.close();
  return problems;
}

/// Every link, control and fold can be reached with the tab key, and a fold opened with Enter.
async function reachedByKeyboard(page) {
  const problems = [];
  await page.reload();
  const targets = await page.locator("a, input, select, summary").count();
  const reached = new Set();
  for (let step = 0; step < targets; step += 1) {
    await page.keyboard.press("Tab");
    const [index, outline] = await page.evaluate(() => {
      const targets = [...document.querySelectorAll("a, input, select, summary")];
      return [targets.indexOf(document.activeElement), getComputedStyle(document.activeElement).outlineStyle];
    });
    reached.add(index);
    if (outline === "none") problems.push(`target ${index} shows no focus`);
  }
  reached.delete(-1);
  equal(problems, "targets reached with the tab key", reached.size, targets);
  // The last one is a fold.
  await page.keyboard.press("Enter");
  equal(problems, "folds opened with Enter", await page.locator("details[open]").count(), 1);
  return problems;
}

/// The page without its script, and as it is printed.
async function plain(browser, name, states) {
  const { context, page, problems } = await open(browser, name, { javaScriptEnabled: false });
  equal(problems, "controls without a script", await page.locator("#controls:visible").count(), 0);
  equal(problems, "images without a script", await page.locator(".image:visible").count(), total(states));
  await page.locator(".image summary").first().click();
  equal(problems, "folds opened without a script", await page.locator(".image dl:visible").count(), 1);
  await page.emulateMedia({ media: "print" });
  equal(problems, "digests in print", await page.locator(".image dl:visible").count(), total(states));
  await context.close();
  return problems;
}

async function check(browser, name, states) {
  // axe-core gets the widest page in light colors, and the narrowest in dark ones.
  const light = readable(browser, name, WIDTHS, "light");
  const dark = readable(browser, name, [...WIDTHS].reverse(), "dark");
  const checks = [light, dark, usable(browser, name, states), plain(browser, name, states)];
  const problems = await Promise.all(checks.map((check) => check.catch((error) => [error.stack])));
  return [name, problems.flat()];
}

const executablePath = process.env.PATH.split(delimiter).map((folder) => join(folder, "chromium")).find(existsSync);
const browser = await chromium.launch({ executablePath, timeout: 120_000 });
const results = [];
for (const [name, states] of Object.entries(expected)) results.push(await check(browser, name, states));
await browser.close();
console.log(JSON.stringify(Object.fromEntries(results)));
