// Opens HTML reports in headless Chromium and prints, as JSON, what went on:
//
//   node check.mjs CHROMIUM SHOTS FILE...
//
// For each file: console messages, page errors, requests other than the file
// itself, axe-core's violations (light and dark, desktop and phone), whether a
// payload ran (it would set window.pwned or open a dialog), and what search,
// filter, dialog and print do. Screenshots go to the directory SHOTS unless "".
import { chromium } from "playwright-core";
import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [executablePath, shots, ...files] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "why403-browser-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  timeout: 180000,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
browser.setDefaultTimeout(120000); // a busy machine is no fault of the page
const looks = [
  { name: "light", scheme: "light", width: 1280, height: 900 },
  { name: "dark", scheme: "dark", width: 1280, height: 900 },
  { name: "phone", scheme: "light", width: 390, height: 844 },
];
const out = [];
for (const file of files) {
  const r = { file: basename(file), messages: [], requests: [], violations: [], ran: [], overflow: [], rules: Infinity, steps: {} };
  out.push(r);
  for (const look of looks) {
    const page = await browser.newPage();
    page.on("console", (m) => r.messages.push(`${look.name}: ${m.type()}: ${m.text()}`));
    page.on("pageerror", (e) => r.messages.push(`${look.name}: error: ${e.message}`));
    page.on("dialog", (d) => { r.ran.push(`${look.name}: dialog ${d.message()}`); d.dismiss(); });
    const url = pathToFileURL(file).href;
    page.on("request", (q) => { if (q.url() !== url && !q.url().startsWith("data:")) r.requests.push(`${look.name}: ${q.url()}`); });
    await page.emulateMedia({ colorScheme: look.scheme });
    await page.setViewportSize(look);
    await page.goto(url);
    await page.waitForTimeout(200);
    if (await page.evaluate(() => window.pwned !== undefined)) r.ran.push(`${look.name}: window.pwned`);
    if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) r.overflow.push(look.name);
    const fullPage = await page.evaluate(() => document.documentElement.scrollHeight < 14000); // what a picture can hold
    if (shots) await page.screenshot({ path: join(shots, `${basename(file, ".html")}-${look.name}.png`), fullPage });

    if (look.name === "light" && await page.locator("#list").count()) {
      const found = () => page.locator("#found").textContent();
      r.steps.all = await found();
      r.steps.inDocument = await page.locator(".row").count();
      r.steps.filterMs = await page.evaluate(() => {
        const s = document.getElementById("search");
        const t = performance.now();
        s.value = "img 00";
        s.dispatchEvent(new Event("input"));
        document.getElementById("list").getBoundingClientRect();
        return performance.now() - t;
      });
      r.steps.searched = await found();
      await page.fill("#search", "no such key at all");
      r.steps.none = await found();
      await page.fill("#search", "");
      await page.selectOption("#by-cause", "0");
      r.steps.byCause = await found();
      await page.selectOption("#by-cause", "");
      await page.evaluate(() => { const l = document.getElementById("list"); l.scrollTop = l.scrollHeight; });
      await page.waitForFunction(() => [...document.querySelectorAll(".row")].at(-1)?.getAttribute("aria-rowindex") === document.getElementById("list").getAttribute("aria-rowcount")).catch(() => {});
      r.steps.lastRow = await page.locator(".row").last().getAttribute("aria-rowindex");
      await page.locator(".row button").last().click();
      r.steps.dialog = await page.locator("#one").getAttribute("open") !== null;
      if (shots) await page.screenshot({ path: join(shots, `${basename(file, ".html")}-dialog.png`) });
      await page.keyboard.press("Escape");
      const code = page.locator(".code button").first();
      if (await code.count()) {
        // The clipboard answers when it likes, and the word stands there for a moment.
        await code.evaluate((button) => {
          window.copied = new Promise((done) => {
            new MutationObserver(() => { if (button.textContent === "Copied") done("Copied"); }).observe(button, { childList: true });
            setTimeout(() => done(button.textContent), 60000);
          });
        });
        await code.click();
        r.steps.copied = await page.evaluate(() => window.copied);
      }
      await page.emulateMedia({ media: "print" });
      r.steps.pdfBytes = (await page.pdf({ path: shots ? join(shots, `${basename(file, ".html")}.pdf`) : undefined })).length;
      await page.emulateMedia({ media: "screen" });
    }
    // The page's policy lets no script in but its own; the checker comes in past it.
    const cdp = await browser.newCDPSession(page);
    await cdp.send("Page.setBypassCSP", { enabled: true });
    await page.reload();
    await page.waitForTimeout(100);
    const before = r.messages.length;
    await page.evaluate(axe);
    const result = await page.evaluate(() => window.axe.run(document));
    r.rules = Math.min(r.rules, result.passes.length);
    r.messages.length = before;
    for (const v of result.violations) r.violations.push({ look: look.name, id: v.id, impact: v.impact, nodes: v.nodes.length, first: v.nodes[0].html.slice(0, 200), why: v.nodes[0].failureSummary });
    await page.close();
  }
}
await browser.close();
rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 }); // Chromium's last processes still write
console.log(JSON.stringify(out, null, 1));
