// How the page looks: light and dark as the reader's system is, legible on a phone and on paper. Each colour of letters
// has a contrast of at least 4.5 to what is behind it, each line and mark one of at least 3 (a test computes them).

/** Colours by name. `c0`... are those of the series. */
export const PALETTES = {
  light: {
    paper: "#f6f7f9",
    card: "#ffffff",
    ink: "#1b2026",
    soft: "#55606c",
    rule: "#d9dee4",
    band: "#eef1f5",
    good: "#176b35",
    bad: "#b3261e",
    mild: "#8a5200",
    link: "#0b5cad",
    right: "#1a66b3",
    wrong: "#c2410c",
    c0: "#0b62b0",
    c1: "#b8470b",
    c2: "#1a7a3e",
    c3: "#8a3fb0",
    c4: "#a8174e",
    c5: "#00707a",
    c6: "#756000",
    c7: "#4a5560",
  },
  dark: {
    paper: "#101317",
    card: "#181c22",
    ink: "#e9edf2",
    soft: "#a6b0bc",
    rule: "#353d47",
    band: "#20262e",
    good: "#6fd58f",
    bad: "#ff8f86",
    mild: "#f0b757",
    link: "#7dbcff",
    right: "#4a90d9",
    wrong: "#d9622b",
    c0: "#6cb4ff",
    c1: "#ff9e5e",
    c2: "#6fd58f",
    c3: "#d19bff",
    c4: "#ff85ae",
    c5: "#4dd0d8",
    c6: "#e0c04a",
    c7: "#c0c8d0",
  },
} as const;

const variables = (palette: Readonly<Record<string, string>>) =>
  Object.entries(palette)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(";");

const series = Array.from({ length: 8 }, (_, i) => `.c${i}{--c:var(--c${i})}`).join("");

/** The page's style sheet. */
export const STYLE = `
:root{color-scheme:light dark;${variables(PALETTES.light)}}
@media screen and (prefers-color-scheme:dark){:root{${variables(PALETTES.dark)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
header,main,footer{max-width:1240px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
h1{font-size:1.7rem;line-height:1.25;margin:0;font-weight:650}
h2{font-size:1.25rem;margin:40px 0 12px;font-weight:650}
h3{font-size:1rem;margin:0 0 8px;font-weight:650}
p{margin:6px 0}
a{color:var(--link)}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.lead{color:var(--soft)}
.status{display:inline-block;border:1.5px solid;border-radius:99px;padding:1px 12px;font-size:.95rem;font-weight:600}
.completed{color:var(--good)}.failed{color:var(--bad)}.interrupted,.unfinished{color:var(--mild)}
.error{border-left:4px solid var(--bad);background:var(--card);padding:10px 14px;margin:14px 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,160px),1fr));gap:12px;margin:20px 0 0;padding:0}
.tiles div{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:10px 14px}
.tiles dt{color:var(--soft);font-size:.875rem}
.tiles dd{margin:0;font-size:1.35rem;font-weight:650;line-height:1.3;font-variant-numeric:tabular-nums}
.tiles dd small{display:block;color:var(--soft);font-size:.8125rem;font-weight:400}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:16px;align-items:start}
figure,.card{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:14px 16px;min-width:0}
figure svg{display:block;width:100%;height:auto;max-width:480px;margin:0 auto}
.facts{display:grid;grid-template-columns:minmax(7em,max-content) 1fr;gap:4px 18px;margin:0}
.facts dt{color:var(--soft)}
.facts dd{margin:0;min-width:0}
code{font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
pre{margin:4px 0 12px;background:var(--band);border-radius:8px;padding:10px 12px;white-space:pre-wrap}
.note{color:var(--soft);font-size:.875rem}
details{margin-top:10px}
summary{cursor:pointer;color:var(--link);font-size:.875rem;padding:3px 0}
.run>summary{font-size:1.1rem;font-weight:600}
.scroll{overflow:auto;max-height:420px;margin-top:6px}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
th{font-weight:600}
thead th{position:sticky;top:0;background:var(--card)}
.scroll.whole{max-height:none}
.compare td,.compare th{text-align:left;vertical-align:top;white-space:normal;min-width:7em;max-width:22em}
.compare .differs th{color:var(--link)}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--soft);unicode-bidi:isolate;font-variant-numeric:tabular-nums}
svg .name,svg .count{fill:var(--ink)}
svg .count{font-size:10.5px}
.grid{stroke:var(--rule);stroke-width:1}
.axis{stroke:var(--soft);stroke-width:1}
.band{fill:none}.band.odd{fill:var(--band)}
.boundary{stroke:var(--soft);stroke-dasharray:2 3}
.best{stroke:var(--soft);stroke-dasharray:1 3;stroke-width:1.5}
.line{stroke:var(--c);fill:none;stroke-width:2;stroke-linejoin:round}
.d1 .line{stroke-dasharray:5 4}.d2 .line{stroke-dasharray:1.5 3.5}
.mark{fill:var(--c)}
.ring{fill:none;stroke:var(--ink);stroke-width:1.5}
.cross{stroke:var(--c);stroke-width:1.6}
.bar{fill:var(--c)}
.span{stroke:var(--soft);stroke-width:1}
.cell.right{fill:var(--right)}.cell.wrong{fill:var(--wrong)}
${series}
footer{padding:32px 20px 40px}
@media (max-width:480px){header,main,footer{padding-left:12px;padding-right:12px}figure,.card{padding:12px 10px}.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:8px}h1{font-size:1.4rem}}
@media print{body{background:#fff;font-size:11pt}figure,.card,.tiles div{break-inside:avoid}.charts{grid-template-columns:1fr 1fr}details:not([open]){display:none}.scroll{max-height:none;overflow:visible}h2{break-after:avoid}header,main,footer{max-width:none;padding-left:0;padding-right:0}}
`;
