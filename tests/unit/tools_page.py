#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The page of `pvn compare --html` in a browser: tools_page.py PROGRAM DOCUMENT. PROGRAM (test_compare_html)
writes the page of a document. Pages are made of DOCUMENT and of documents derived from it: with columns and
results missing, empty, hostile, large. Each is parsed strictly and opened in headless Chromium: nothing on the
console, nothing loaded, every cell filled, contrast, screen widths, paper. TAP on standard output.
"""
import base64
import copy
import itertools
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lint")]
import lint # noqa: E402
from browser import Browser, BrowserError # noqa: E402

if len(sys.argv) != 3:
    sys.exit("Bail out! usage: tools_page.py PROGRAM DOCUMENT")
PROGRAM, DOCUMENT = (os.path.abspath(a) for a in sys.argv[1:])
folder = tempfile.TemporaryDirectory(prefix="pvn-page-") # pylint: disable=consider-using-with
tap = lint.Tap()

# ---- what is asked of every page, in the page's own language ----

# Cells without text, rows that are not as wide as their table, tables and cells without what names them.
TABLES = """[...document.querySelectorAll('table')].flatMap((t, n) => {
  const bad = [], name = 'table ' + n + ': ', grid = [...t.rows].map(() => []);
  if (!t.caption || !t.caption.textContent.trim()) bad.push(name + 'no caption');
  [...t.rows].forEach((r, y) => {
    let x = 0;
    for (const c of r.cells) {
      if (!c.textContent.trim()) bad.push(name + 'row ' + y + ' has an empty cell');
      if (c.tagName == 'TH' && !c.scope) bad.push(name + 'row ' + y + ' has a <th> without scope');
      while (grid[y][x]) x++;
      for (let j = 0; j < c.rowSpan; j++) for (let i = 0; i < c.colSpan; i++) grid[y + j][x + i] = true;
    }
  });
  const width = Math.max(...grid.map(r => r.length));
  grid.forEach((r, y) => {
    if ([...Array(width)].some((_, x) => !r[x])) bad.push(name + 'row ' + y + ' lacks cells');
  });
  return bad;
})"""
# Drawings without a title, names that lead nowhere, names given twice.
NAMES = """[
  ...[...document.querySelectorAll('body svg')].filter(s => !s.closest('[aria-hidden=true]') &&
    !s.parentElement.closest('svg') && !(s.getAttribute('role') == 'img' &&
    s.querySelector(':scope > title')?.textContent.trim())).map(s => 'a drawing without title'),
  ...[...document.querySelectorAll('[aria-labelledby]')].map(e => e.getAttribute('aria-labelledby'))
    .concat([...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href').slice(1)))
    .filter(id => !document.getElementById(id)).map(id => 'nothing is called ' + id),
  ...[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) != i)
    .map(id => 'called twice: ' + id),
  ...(document.querySelectorAll('h1').length == 1 ? [] : ['not one h1']),
]"""
# Scripts, handlers, addresses that leave the page, elements that load.
ACTIVE = """[
  ...[...document.querySelectorAll('script, img, iframe, object, embed, link, base, form, audio, video, image, use')]
    .map(e => 'an element ' + e.tagName),
  ...[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]
    .filter(a => /^on/i.test(a.name) || (/^(href|src|action)$/i.test(a.name) && !a.value.startsWith('#')))
    .map(a => e.tagName + ' ' + a.name + '=' + a.value)),
  ...(window.hacked ? ['a script has run'] : []),
]"""
# Text whose contrast to what is behind it is below 4.5.
CONTRAST = """(() => {
  const rgb = t => t.match(/[\\d.]+/g).map(Number), bad = new Set();
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c;
  } return [255, 255, 255]; };
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim()) || e.tagName == 'title') continue;
    const s = getComputedStyle(e), a = light(rgb(e.tagName == 'text' ? s.fill : s.color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.add(e.tagName + '.' + (e.className.baseVal ?? e.className) + ' ' + ratio.toFixed(2));
  }
  return [...bad];
})()"""
# [row head, cell, cell, ...] of the main table's parts, a cell over three columns as it is.
NUMBERS = """[...document.querySelectorAll('caption')].filter(c => /^transitions-/.test(c.id)).map(c => ({
  columns: [...c.parentElement.rows[0].cells].slice(1).map(h => h.textContent),
  rows: [...c.parentElement.tBodies].flatMap(b => [...b.rows]).map(r => ({
    name: (r.cells[0].querySelector('a') ?? r.cells[0].firstChild).textContent.trim(),
    cells: [...r.cells].slice(1).map(d => ({text: d.textContent, span: d.colSpan}))}))}))"""
# Of every row of the chart: workload, column, title, width of the bar as a part of the scale, 0 without a bar.
BARS = """[...document.querySelectorAll('.chart > li')].flatMap(g => [...g.querySelectorAll('li')].map(r => {
  const plot = r.querySelector('.plot > svg'), bar = plot.querySelector('rect');
  return [g.querySelector('b').textContent, r.querySelector('.mode').textContent,
    plot.querySelector('title').textContent,
    bar ? bar.getBoundingClientRect().width / plot.getBoundingClientRect().width : 0];
}))"""


def page_of(document, name):
    """Path of the page of a document."""
    source, page = (os.path.join(folder.name, name + suffix) for suffix in (".json", ".html"))
    with open(source, "w", encoding="utf-8") as f:
        json.dump(document, f)
    done = subprocess.run([PROGRAM, source, page], capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise BrowserError(f"{name}: no page was written: {done.stderr.strip()}")
    return page


def column_label(column):
    off = column["features_off"]
    return column["mode"] + " without " + ", ".join(off) if off else column["id"]


def well_formed(page):
    try:
        xml.etree.ElementTree.parse(page)
    except xml.etree.ElementTree.ParseError as error:
        yield f"{os.path.basename(page)}: {error}"
    with open(page, encoding="utf-8") as f:
        if not f.readline().startswith("<!DOCTYPE html>"):
            yield "no <!DOCTYPE html>"


def silent(browser, page):
    """What a page said, and what it asked for besides itself."""
    yield from (f"the console has {text}" for text in browser.said)
    yield from (f"asks for {url[:100]}" for url in browser.requests if url != "file://" + page)


def sound(browser, page):
    """Complaints about one open page."""
    yield from well_formed(page)
    for query in (TABLES, NAMES, ACTIVE):
        yield from browser.js(query)
    yield from silent(browser, page)


def looks(browser):
    """Complaints about contrast and width on screens and paper."""
    for kind, scheme, width in itertools.product(("screen", "print"), ("light", "dark"), (1200, 360)):
        browser.media(kind, scheme, width)
        where = f"{kind}, {scheme}, {width} wide: "
        yield from (where + text for text in browser.js(CONTRAST))
        overflow = browser.js("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if kind == "screen" and overflow > 0:
            yield f"{where}{overflow} pixels wider than the screen"
        cut = browser.js("[...document.querySelectorAll('.plot text')].filter("
                         "t => t.getBoundingClientRect().right > innerWidth).map(t => t.textContent)")
        if kind == "screen" and cut:
            yield f"{where}cut off: {cut[0]}"
        found = browser.js("getComputedStyle(document.body).backgroundColor")
        is_dark = sum(map(int, re.findall(r"\d+", found)[:3])) < 200
        if is_dark != (kind == "screen" and scheme == "dark"):
            yield f"{where}the background is {found}"
    browser.media()


def numbers(browser, document):
    """The main table against the document."""
    results = {(r["workload"], r["column"]): r for r in document["results"]}
    columns = {column_label(c): c for c in document["columns"] if c["mode"] != "bare"}
    found = {}
    for part in browser.js(NUMBERS):
        for row in part["rows"]:
            cells = iter(row["cells"])
            for label in part["columns"]:
                first = next(cells)
                found[row["name"], label] = first["text"]
                for _ in range(3 - first["span"]):
                    next(cells)
    for workload, (label, column) in itertools.product(document["workloads"], columns.items()):
        result = results.get((workload["name"], column["id"]))
        wanted = f"{result['transitions']:,}" if result else "failed" if column["failed"] else "not run"
        cell = found.pop((workload["name"], label), None)
        if cell != wanted:
            yield f"{workload['name']} in {label}: found {cell}, expected {wanted}"
    ticks = {t["column"]: f"{t['transitions']:,}" for t in document["tick"]}
    for label, column in columns.items():
        wanted = ticks.get(column["id"], "failed" if column["failed"] else "not run")
        cell = found.pop(("timer tick", label), None)
        if cell != wanted:
            yield f"tick in {label}: found {cell}, expected {wanted}"
    yield from (f"the page has {name} in {label}, the document has not" for name, label in found)


def bars(browser, document):
    """The chart against the document: bars end where the logarithm of their count says, 0 has none."""
    counts = {(r["workload"], r["column"]): r["transitions"] for r in document["results"]}
    labels = {column_label(c): c["id"] for c in document["columns"]}
    most = max(counts.values())
    one, decades = 0.08, max(2, math.ceil(math.log10(most)))
    seen = 0
    for workload, label, title, width in browser.js(BARS):
        if label.startswith("every column"):
            if width or any(n for (w, c), n in counts.items() if w == workload and c in labels.values()):
                yield f"{workload}: said to be 0 in every column"
            continue
        count = counts.get((workload, labels[label]))
        wanted = one + (1 - one) * math.log10(count) / decades if count else 0
        seen += bool(count)
        if abs(width - wanted) > 0.003:
            yield f"{workload} in {label}: the bar is {width:.3f} long, expected {wanted:.3f}"
        if count is not None and not title.startswith(f"{count:,} transition"):
            yield f"{workload} in {label}: its title is {title}"
    if not seen:
        yield "no bar at all"


def paper(browser):
    for landscape in (False, True):
        pdf = base64.b64decode(browser.call("Page.printToPDF", landscape=landscape, preferCSSPageSize=True,
                                            printBackground=True)["data"])
        pages = len(re.findall(rb"/Type /Page\b", pdf))
        if not pdf.startswith(b"%PDF-") or not pdf.rstrip().endswith(b"%%EOF"):
            yield "no PDF"
        if not 2 <= pages <= 16:
            yield f"a PDF of {pages} pages, expected 2 to 16"


def texts(browser, wanted):
    text = browser.js("document.documentElement.textContent")
    yield from (f"not to be read: {t!r}" for t in wanted if t not in text)


# ---- documents ----

HOSTILE = ["</script><script>hacked=1</script>", "<img src=x onerror=hacked=1>", "\" onmouseover=\"hacked=1",
           "' autofocus onfocus='hacked=1", "</title></style></svg><svg onload=hacked=1>", "&lt;b&gt; &amp; &#60;",
           "--><!--", "]]>", "javascript:hacked=1", "ä€🐧 ﷽ שלום", "%s%n%s", "a" * 300]


def variants(base):
    """name -> (document, texts that its page must show)"""
    def changed(change):
        document = copy.deepcopy(base)
        return document, change(document) or []

    def no_results(d):
        d["results"] = d["tick"] = []
        return ["No column has a result", "not run"]

    def partial(d):
        d["results"] = [r for i, r in enumerate(d["results"]) if i % 3]
        del d["tick"][0]
        return ["not run"]

    def all_failed(d):
        for column in d["columns"]:
            column["failed"] = "the emulator is not installed"
        d["results"] = d["tick"] = []
        return ["No column of full virtualization came to its end", "pv/hap failed: the emulator is not installed"]

    def no_columns(d):
        d["columns"] = d["results"] = d["tick"] = []
        return ["Nothing was compared"]

    def no_workloads(d):
        d["workloads"] = d["results"] = []
        return ["Nothing was compared"]

    def bare_only(d):
        d["columns"] = [c for c in d["columns"] if c["mode"] == "bare"]
        d["results"] = [r for r in d["results"] if r["column"] == "bare"]
        d["tick"] = []
        return ["no column with a hypervisor"]

    def many(d):
        for n in range(9):
            d["columns"].append({"id": f"pv/hap-{n}", "mode": "pv/hap", "host": "bochs", "failed": None,
                                 "features_off": [f"feature_{n}", "another_feature"]})
            d["results"] += [{**r, "column": f"pv/hap-{n}", "transitions": r["transitions"] * n * 7}
                             for r in base["results"] if r["column"] == "pv/hap"]
        return ["Columns 1 to 4 of 13.", "Columns 11 to 13 of 13."]

    def large(d):
        for n, result in enumerate(d["results"]):
            result["transitions"] = result["tick_transitions"] = 2 ** 64 - 1 - n
            result["by_name"] = {"port_out": 2 ** 63, "a_name_of_tomorrow": 5}
            result["by_class"] = {"sensitive": 2 ** 63, "a class of tomorrow": 5}
        return ["18,446,744,073,709,551,615", "a_name_of_tomorrow", "a class of tomorrow"]

    def poor(d):
        for key in ("paravane", "abi", "host", "host_version", "kernel", "command", "vcpus", "hz", "tsc_khz"):
            del d[key]
        for result in d["results"]:
            for key in ("by_class", "by_name", "guest_ticks", "vmm_ticks", "tick_transitions"):
                del result[key]
        for workload in d["workloads"]:
            for key in ("ops", "unit", "stresses", "why"):
                del workload[key]
        return ["unknown", "not measured"]

    def hostile(d):
        strings = itertools.cycle(HOSTILE)
        names = {w["name"]: f"{i}{next(strings)}" for i, w in enumerate(d["workloads"])}
        ids = {c["id"]: f"{i}{next(strings)}" for i, c in enumerate(d["columns"])}
        for key in ("paravane", "abi", "host", "host_version", "command"):
            d[key] = next(strings)
        d["kernel"] = {key: next(strings) for key in d["kernel"]}
        for workload in d["workloads"]:
            workload.update(name=names[workload["name"]], unit=next(strings), stresses=next(strings),
                            why=next(strings))
        for column in d["columns"]:
            column.update(id=ids[column["id"]], failed=column["failed"] and next(strings),
                          features_off=[next(strings) for _ in column["features_off"]])
        d["columns"][-1]["mode"] = HOSTILE[0]
        for result in d["results"]:
            result.update(workload=names[result["workload"]], column=ids[result["column"]],
                          by_class={next(strings): 3, next(strings): 4}, by_name={next(strings): 3, "<b>": 4})
        for tick in d["tick"]:
            tick["column"] = ids[tick["column"]]
        return HOSTILE + ["<b>"]

    changes = {"nothing but the columns": no_results, "a third of the results missing": partial,
               "every column failed": all_failed, "no columns": no_columns, "no workloads": no_workloads,
               "bare alone": bare_only, "thirteen columns": many, "counts of 64 bits": large,
               "nothing that may be missing": poor, "hostile strings": hostile}
    return {name: changed(change) for name, change in changes.items()}


def controlled(browser):
    """What the other tests rely on: a page that loads, complains, has empty cells is found out."""
    page = os.path.join(folder.name, "bad.html")
    with open(page, "w", encoding="utf-8") as f:
        f.write("<!DOCTYPE html><html><body style='color: #999'><h1>x</h1><script>console.error('said');nothing.at.all"
                "</script><img src='http://example.invalid/x'><table><tr><td>text</td><td></td></tr>"
                "<tr><td>one</td></tr></table></body></html>")
    browser.open(page)
    browser.js("new Promise(done => setTimeout(done, 100))")
    found = " ".join(sound(browser, page)) + " ".join(browser.js(CONTRAST))
    yield from (f"not found: {text}" for text in
                ("mismatched tag", "console.error: said", "exception", "example.invalid", "empty cell", "lacks cells",
                 "no caption", "SCRIPT", "IMG", "H1. 2.8") if text not in found)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)) # the browser ends and its folder goes
    with open(DOCUMENT, encoding="utf-8") as f:
        base = json.load(f)
    try:
        with Browser() as browser:
            tap.result("a bad page is found out", controlled(browser))
            browser.media()
            page = page_of(base, "comparison")
            browser.open(page)
            tap.result("the page loads nothing, says nothing, and every cell is filled", sound(browser, page))
            tap.result("it says what was run and how to repeat it",
                       texts(browser, [*base["kernel"].values(), base["host_version"], "./" + base["command"]]))
            tap.result("its numbers are the document's", numbers(browser, base))
            tap.result("its bars end where the logarithm says", bars(browser, base))
            tap.result("contrast and width on screens and paper, light and dark", looks(browser))
            tap.result("it prints", paper(browser))
            for name, (document, wanted) in variants(base).items():
                page = page_of(document, name.replace(" ", "-"))
                browser.open(page)
                complaints = [*sound(browser, page), *texts(browser, wanted)]
                if name != "hostile strings": # whose labels are not unique
                    complaints += numbers(browser, document)
                tap.result(name, complaints)
                tap.result(name + ": contrast and width", looks(browser))
    except BrowserError as error:
        print(f"Bail out! {error}")
        sys.exit(1)
    tap.end()


if __name__ == "__main__":
    main()
