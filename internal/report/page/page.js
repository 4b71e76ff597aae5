"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const make = (tag, cls, text) => {
    const e = document.createElement(tag);
    if (cls) e.className = cls;
    if (text !== undefined) e.textContent = text;
    return e;
  };

  // Copy buttons.
  const copy = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea");
      area.value = text;
      (button.closest("dialog") || document.body).append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  document.addEventListener("click", (e) => {
    const button = e.target.closest(".code button");
    if (button) copy(button.parentElement.querySelector("pre").textContent, button);
  });

  // Paper has no folds.
  addEventListener("beforeprint", () => {
    for (const d of document.querySelectorAll("details:not([open])")) { d.open = true; d.dataset.print = "1"; }
  });
  addEventListener("afterprint", () => {
    for (const d of document.querySelectorAll("details[data-print]")) { d.open = false; delete d.dataset.print; }
  });

  // The list of keys: only the rows in view are in the document.
  const block = $("keys");
  if (!block) return;
  const data = JSON.parse(block.textContent);
  const list = $("list"), rows = $("rows"), found = $("found");
  const KEY = 0, BUCKET = 1, VERDICT = 2, STATUS = 3, HITS = 4, LAST = 5;
  const hay = data.rows.map((r) => (r[KEY] + "\n" + data.buckets[r[BUCKET]] + "\n" + data.verdicts[r[VERDICT]] + "\n" + r[10].map((c) => data.causes[c][2]).join("\n")).toLowerCase());
  const number = new Intl.NumberFormat("en-US");
  const when = (s) => s ? new Date(s * 1000).toISOString().slice(0, 16).replace("T", " ") : "";
  let shown = [], height = 44;

  const build = (i) => {
    const r = data.rows[shown[i]];
    const row = make("div", "row");
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", i + 2);
    row.style.top = i * height + "px";
    const put = (cls, child) => {
      const c = make("div", cls);
      c.setAttribute("role", "cell");
      c.append(child);
      row.append(c);
    };
    put("num", number.format(r[HITS]));
    const open = make("button", "", r[KEY]);
    open.type = "button";
    open.dataset.at = shown[i];
    open.title = r[KEY];
    put("name", open);
    put("soft", data.verdicts[r[VERDICT]]);
    const status = data.statuses[r[STATUS]];
    put("", status ? make("span", "badge " + status, status) : "");
    put("soft when", when(r[LAST]));
    return row;
  };
  // A row that stays in view stays the same element: a click or the focus on it
  // outlives scrolling.
  const live = new Map();
  const draw = () => {
    const top = Math.max(0, Math.floor(list.scrollTop / height) - 8);
    const end = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / height) + 8);
    for (const [i, row] of live) {
      if (i < top || i >= end) { row.remove(); live.delete(i); }
    }
    let next = null;
    for (let i = end - 1; i >= top; i--) {
      let row = live.get(i);
      if (!row) {
        row = build(i);
        live.set(i, row);
      }
      if (row.parentNode !== rows || row.nextSibling !== next) rows.insertBefore(row, next);
      next = row;
    }
  };
  const measure = () => {
    height = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 44;
    rows.style.height = shown.length * height + "px";
    rows.replaceChildren();
    live.clear();
    draw();
  };
  const filter = () => {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const pick = (id) => { const e = $(id); return e && e.value !== "" ? Number(e.value) : -1; };
    const verdict = pick("by-cause"), status = pick("by-status"), bucket = pick("by-bucket");
    shown = [];
    for (let i = 0; i < data.rows.length; i++) {
      const r = data.rows[i];
      if (verdict >= 0 && r[VERDICT] !== verdict || status >= 0 && r[STATUS] !== status || bucket >= 0 && r[BUCKET] !== bucket) continue;
      if (words.every((w) => hay[i].includes(w))) shown.push(i);
    }
    const order = $("sort").value;
    if (order === "requests") shown.sort((a, b) => data.rows[b][HITS] - data.rows[a][HITS] || a - b);
    if (order === "last") shown.sort((a, b) => data.rows[b][LAST] - data.rows[a][LAST] || a - b);
    if (order === "key") shown.sort((a, b) => data.rows[a][KEY] < data.rows[b][KEY] ? -1 : data.rows[a][KEY] > data.rows[b][KEY] ? 1 : a - b);
    list.scrollTop = 0;
    list.setAttribute("aria-rowcount", shown.length + 1);
    found.textContent = shown.length === data.rows.length ? number.format(shown.length) + " keys and paths"
      : number.format(shown.length) + " of " + number.format(data.rows.length) + " keys and paths";
    measure();
  };

  // One key in full.
  const dialog = $("one");
  const show = (r) => {
    const body = $("one-body");
    body.replaceChildren();
    const head = make("h3", "k", r[KEY]);
    head.id = "one-title";
    const dl = make("dl");
    const say = (name, value) => {
      if (value === "" || value === undefined) return;
      const dd = make("dd");
      dd.append(value);
      dl.append(make("dt", "", name), dd);
    };
    say("bucket", data.buckets[r[BUCKET]]);
    say("distribution", data.distributions[r[6]]);
    say("requests", number.format(r[7][0]) + " at CloudFront, " + number.format(r[7][1]) + " of them seen by S3, " + number.format(r[7][2]) + " direct");
    say("viewers", number.format(r[8]));
    say("first and last", when(r[9]) + " to " + when(r[LAST]) + " UTC");
    say("status", data.statuses[r[STATUS]]);
    say("asked for as", r[11].join(", "));
    say("to settle more", r[12].join(", "));
    const causes = make("ul", "facts");
    for (const c of r[10].map((c) => data.causes[c])) {
      const li = make("li");
      li.append(make("b", "", c[0] + (c[1] ? " (" + c[1] + ")" : "")), make("br"), c[2]);
      causes.append(li);
    }
    const button = make("button", "", "Copy the key");
    button.type = "button";
    button.addEventListener("click", () => copy(r[13] === undefined ? r[KEY] : r[13], button));
    body.append(head, dl, causes, button);
    dialog.showModal();
  };
  rows.addEventListener("click", (e) => {
    const open = e.target.closest("button");
    if (open) show(data.rows[Number(open.dataset.at)]);
  });

  for (const id of ["search", "by-cause", "by-status", "by-bucket", "sort"]) {
    const e = $(id);
    if (e) e.addEventListener(id === "search" ? "input" : "change", filter);
  }
  list.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(measure).observe(list);
  filter();
})();
