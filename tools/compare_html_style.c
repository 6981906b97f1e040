// SPDX-License-Identifier: BSD-2-Clause
/*
 * How the comparison's page looks: light, dark, narrow, on paper. Blue stands for
 * paravirtualization and orange for full virtualization, which every kind of colour vision tells
 * apart; a hatching tells the modes apart once more. All text has a contrast of at least 4.5 to 1.
 */
#include "compare_html_page.h"

/* clang-format off: CSS, laid out as such */
static const char light[] =
	"  color-scheme: light;\n"
	"  --paper: #ffffff; --ink: #1a1d21; --quiet: #565e68; --rule: #d3d8de; --band: #f5f7f9;\n"
	"  --grid: #e2e6ea; --pv: #0a58a8; --full: #b24a00; --other: #565e68;\n"
	"  --pv-tint: #d8e8f8; --full-tint: #fbe4d2; --other-tint: #e8ebee; --alarm: #a8201a;\n";

static const char dark[] =
	"  color-scheme: dark;\n"
	"  --paper: #14171b; --ink: #e8eaed; --quiet: #a4acb6; --rule: #3a4149; --band: #1c2026;\n"
	"  --grid: #2b3138; --pv: #6cb4ff; --full: #ff9f5c; --other: #a4acb6;\n"
	"  --pv-tint: #163553; --full-tint: #4d2a10; --other-tint: #2b3138; --alarm: #ff8f87;\n";

static const char text[] =
	"* { box-sizing: border-box; }\n"
	"html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }\n"
	"body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 70rem;\n"
	"  background: var(--paper); color: var(--ink);\n"
	"  font: 1rem/1.55 system-ui, -apple-system, \"Segoe UI\", \"Noto Sans\",\n"
	"    \"Liberation Sans\", Helvetica, Arial, sans-serif; }\n"
	"h1, h2, h3, .lead { font-family: \"Iowan Old Style\", \"Palatino Linotype\", Palatino,\n"
	"  P052, \"URW Palladio L\", Georgia, serif; text-wrap: balance; }\n"
	"h1 { margin: 0 0 .75rem; font-size: clamp(1.9rem, 1.2rem + 3vw, 3rem); line-height: 1.1;\n"
	"  letter-spacing: -.01em; }\n"
	"h2 { margin: 3.5rem 0 .75rem; padding-top: .6rem; border-top: 2px solid var(--ink);\n"
	"  font-size: 1.5rem; line-height: 1.25; }\n"
	"h3 { margin: 2.5rem 0 .5rem; font-size: 1.2rem; line-height: 1.3; }\n"
	"h3 small, th small, td small, .group span { color: var(--quiet); font-weight: 400; }\n"
	"h3 small { font: .85rem system-ui, sans-serif; margin-left: .4em; }\n"
	"p, .findings, figcaption { max-width: 44rem; }\n"
	"p { margin: .5rem 0; }\n"
	/* A word may be as long as it likes; tables scroll instead. */
	"h3, p, li { overflow-wrap: anywhere; }\n"
	"a { color: inherit; text-decoration-color: var(--quiet); text-underline-offset: .2em; }\n"
	"a:hover { text-decoration-thickness: 2px; }\n"
	":focus-visible { outline: 3px solid var(--pv); outline-offset: 2px; }\n"
	".brand { margin: 0 0 1.5rem; font-weight: 700; letter-spacing: .02em; }\n"
	".brand span { margin-left: .5em; color: var(--quiet);\n"
	"  font: .9em ui-monospace, monospace; }\n"
	".lead { font-size: 1.25rem; line-height: 1.45; }\n"
	".where, figcaption { color: var(--quiet); font-size: .9rem; }\n"
	"nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 1.5rem 0 0;\n"
	"  padding: 0; list-style: none; font-size: .95rem; }\n"
	".findings { padding-left: 1.2rem; }\n"
	".findings li { margin: .5rem 0; }\n"
	".failure b { color: var(--alarm); }\n"
	"pre { overflow-x: auto; padding: .9rem 1rem; border: 1px solid var(--rule);\n"
	"  background: var(--band); font: .9rem/1.5 ui-monospace, \"Noto Sans Mono\", monospace;\n"
	"  white-space: pre-wrap; overflow-wrap: anywhere; }\n"
	"code { font-family: ui-monospace, \"Noto Sans Mono\", monospace; font-size: .95em; }\n"
	"dl { margin: 1rem 0; }\n"
	"dl div { display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 0 1rem;\n"
	"  padding: .3rem 0; border-top: 1px solid var(--rule); }\n"
	"dt { font-weight: 600; }\n"
	"dd { margin: 0; overflow-wrap: anywhere; }\n"
	".facts dt { color: var(--quiet); font-weight: 400; }\n"
	".glossary div { grid-template-columns: 7rem minmax(0, 1fr); }\n";

static const char chart[] =
	"figure { margin: 0; }\n"
	"figcaption { margin-bottom: 1rem; }\n"
	".patterns { position: absolute; }\n"
	".chart, .chart ul { margin: 0; padding: 0; list-style: none; }\n"
	".chart > li { padding: .35rem 0; border-top: 1px solid var(--rule); }\n"
	".chart > li:last-child { border-bottom: 1px solid var(--rule); }\n"
	".chart > li { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: 0 1rem; }\n"
	".group { margin: 0; padding: .1rem 0; line-height: 1.3; }\n"
	".group span { display: block; font-size: .8rem; }\n"
	".bars { display: grid; grid-template-columns: 10.5rem minmax(0, 1fr); gap: 0 .75rem; }\n"
	".bars .mode { padding: .1rem 0; font-size: .85rem; line-height: 1.3; }\n"
	".axis { margin-left: 12rem; }\n"
	".axis .scale { color: var(--quiet); font-size: .75rem; text-align: right; }\n"
	/* Room for the number behind the longest bar. */
	".plot { display: block; position: relative; min-height: 1.35rem;\n"
	"  margin-right: min(var(--digits) * 8px + 12px, 90%); }\n"
	".plot svg { display: block; overflow: visible; }\n"
	".chart .plot > svg { position: absolute; inset: 0; }\n"
	".plot line { stroke: var(--grid); stroke-width: 1; shape-rendering: crispEdges; }\n"
	".plot .origin { stroke: var(--quiet); }\n"
	".plot text { fill: var(--ink); font-size: 13px; font-variant-numeric: tabular-nums;\n"
	"  paint-order: stroke; stroke: var(--paper); stroke-width: 3px;\n"
	"  stroke-linejoin: round; }\n"
	".axis text { fill: var(--quiet); font-size: 12px; text-anchor: middle; stroke: none; }\n"
	".plot .none { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }\n"
	".plot .words { fill: var(--ink); }\n"
	".break { stroke: var(--paper); stroke-width: 4; }\n"
	".swatch { margin-right: .4em; vertical-align: -.05em; }\n"
	"pattern.pv { fill: var(--pv-tint); stroke: var(--pv); }\n"
	"pattern.full { fill: var(--full-tint); stroke: var(--full); }\n"
	"pattern.other { fill: var(--other-tint); stroke: var(--other); }\n"
	"pattern rect { stroke: none; }\n"
	"pattern path { stroke-width: 1.5; }\n"
	"pattern .dots { stroke-width: 1.8; stroke-linecap: round; }\n"
	".pv-hap, .pv-direct, .pv-masked { stroke: var(--pv); }\n"
	".full-hap, .full-shadow, .full-masked { stroke: var(--full); }\n"
	".other { stroke: var(--other); }\n"
	".pv-hap { fill: var(--pv); }\n"
	".pv-direct { fill: url(#fill-pv-direct); }\n"
	".pv-masked { fill: url(#fill-pv-masked); }\n"
	".full-hap { fill: url(#fill-full-hap); }\n"
	".full-shadow { fill: url(#fill-full-shadow); }\n"
	".full-masked { fill: url(#fill-full-masked); }\n"
	".other { fill: url(#fill-other); }\n";

static const char tables[] =
	".scroll { overflow-x: auto; margin: 1.25rem 0; }\n"
	"table { min-width: min(26rem, 100%); border-collapse: collapse; font-size: .875rem;\n"
	"  line-height: 1.35;\n"
	"  font-variant-numeric: tabular-nums lining-nums; }\n"
	"caption { padding: 0 0 .5rem; color: var(--quiet); text-align: left; }\n"
	"th, td { padding: .32rem .5rem; text-align: right; vertical-align: baseline; }\n"
	"thead th { font-weight: 400; color: var(--quiet); vertical-align: bottom; }\n"
	"thead .mode { color: var(--ink); font-weight: 600; }\n"
	"thead th[scope=colgroup] { text-align: left; border-left: 1px solid var(--rule); }\n"
	"thead tr:last-child th, thead th[rowspan] { border-bottom: 1px solid var(--ink); }\n"
	"tbody tr { border-bottom: 1px solid var(--rule); }\n"
	"tr > :first-child:not(.first) { padding-left: 0; text-align: left; }\n"
	"tbody th { position: sticky; left: 0; background: var(--paper); font-weight: 600; }\n"
	"th small { display: block; font-size: .8rem; }\n"
	"th .without { font-weight: 400; }\n"
	".first, td.state[colspan] { border-left: 1px solid var(--rule); }\n"
	".total { font-weight: 600; }\n"
	".factor { white-space: nowrap; }\n"
	".dull { color: var(--quiet); }\n"
	".state { color: var(--quiet); font-style: italic; }\n"
	"td[colspan] { text-align: center; }\n"
	".zero { color: var(--quiet); font-weight: 400; }\n"
	".apart { border-top: 2px solid var(--ink); }\n"
	".class th, .class td:not(.zero, .state) { font-weight: 600; }\n"
	".name th { font-weight: 400; padding-left: 1.25rem !important; }\n"
	".tick th, .tick td { font-weight: 400; color: var(--quiet); }\n"
	".words td { text-align: left; font-variant-numeric: normal; }\n"
	"thead:has(+ .words) th { text-align: left; }\n";

static const char narrow[] =
	"@media screen and (max-width: 46rem) {\n"
	"  body { padding: 1.5rem 1rem 3rem; }\n"
	"  .chart > li { grid-template-columns: minmax(0, 1fr); }\n"
	"  .group span { display: inline; }\n"
	"  .bars { grid-template-columns: 6rem minmax(0, 1fr); gap: 0 .5rem; }\n"
	"  .bars .mode { font-size: .8rem; }\n"
	"  .axis { margin-left: 0; }\n"
	"  dl div, .glossary div { grid-template-columns: minmax(0, 1fr); }\n"
	"}\n";

static const char paper[] =
	"  @page { size: A4; margin: 16mm 14mm; }\n"
	"  html { font-size: 10pt; }\n"
	"  body { max-width: none; padding: 0; print-color-adjust: exact;\n"
	"    -webkit-print-color-adjust: exact; }\n"
	"  nav { display: none; }\n"
	"  h1 { font-size: 22pt; }\n"
	"  h2 { margin-top: 2rem; font-size: 15pt; }\n"
	"  h2, h3, caption, thead, figcaption { break-after: avoid; }\n"
	"  tr, .chart > li, dl, pre, table, .scroll, .workload { break-inside: avoid; }\n"
	"  .chart > li { grid-template-columns: 13rem minmax(0, 1fr); padding: .15rem 0; }\n"
	"  .group span { display: inline; }\n"
	"  .bars { grid-template-columns: 11rem minmax(0, 1fr); }\n"
	"  .axis { margin-left: 14rem; }\n"
	"  .plot { min-height: 1.2rem; }\n"
	"  p, li { orphans: 3; widows: 3; }\n"
	"  .scroll { overflow: visible; }\n"
	"  .scroll table { font-size: 8pt; }\n"
	"  th, td { padding: .22rem .4rem; }\n"
	"  tbody th { position: static; }\n"
	"  a { text-decoration: none; }\n";

/* clang-format on */

void put_style(struct page *p)
{
	putf(p, "<style>\n:root {\n%s}\n", light);
	putf(p, "@media (prefers-color-scheme: dark) { :root {\n%s} }\n", dark);
	put(p, text);
	put(p, chart);
	put(p, tables);
	put(p, narrow);
	/* Last, so that paper is white whatever the screen is. */
	putf(p, "@media print {\n  :root {\n%s}\n%s}\n</style>\n", light, paper);
}
