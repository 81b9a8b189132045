import { htmlDocument, pageHeaders } from './html-page.ts';

const STYLE = `
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --ink: #16181d; --soft: #5c6470; --line: #e2e5ea; --tint: #eef1f6; --act: #1f4fd8; --on-act: #fff; --bad: #b00020 }
@media (prefers-color-scheme: dark) { :root { --page: #101216; --card: #1a1d23; --ink: #eceef2; --soft: #a0a8b5; --line: #2c313a; --tint: #232831; --act: #8fb0ff; --on-act: #0b1430; --bad: #ff8a94 } }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column; align-items: center; padding: clamp(1rem, 4vw, 3rem) 1rem; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
main { width: 100%; max-width: 34rem; margin: auto 0; padding: clamp(1.25rem, 5vw, 2rem); background: var(--card); border: 1px solid var(--line); border-radius: 1rem }
footer { margin-top: 1.25rem; font-size: .8125rem; color: var(--soft) }
h1 { margin: 0; font-size: 1.25rem; line-height: 1.3; font-weight: 650; overflow-wrap: anywhere }
p { margin: .5rem 0 0 }
a { color: inherit }
svg { display: block; width: 100%; height: 100% }
.picture { display: flex; align-items: center; justify-content: center; margin-bottom: 1.25rem; min-height: 10rem; background: var(--tint); border-radius: .75rem; color: var(--soft); overflow: hidden }
.picture img { display: block; max-width: 100%; max-height: 24rem; object-fit: contain }
.picture svg { width: 4.5rem; height: 4.5rem }
.facts { color: var(--soft); font-size: .9375rem }
.end { margin-top: .875rem; color: var(--soft); font-size: .8125rem; text-align: center; text-wrap: balance }
.note { margin-top: 1rem; padding: .75rem 1rem; background: var(--tint); border-radius: .75rem; overflow-wrap: anywhere }
.wrong { color: var(--bad) }
.act, button { display: block; width: 100%; margin-top: 1.25rem; padding: .875rem 1rem; border: 0; border-radius: .75rem; background: var(--act); color: var(--on-act); font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer }
.act:focus-visible, button:focus-visible, input:focus-visible, a:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
.act:hover, button:hover { filter: brightness(1.08) }
label { display: block; margin: 1.25rem 0 .375rem; font-size: .9375rem; font-weight: 600 }
input { width: 100%; padding: .75rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--page); color: inherit; font: inherit }
label small { display: block; font-size: .8125rem; font-weight: 400; color: var(--soft) }
input::file-selector-button { margin-right: .75rem; padding: .4rem .75rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); color: inherit; font: inherit; font-size: .9375rem; font-weight: 600; cursor: pointer }
nav { margin-bottom: .25rem; font-size: .9375rem; color: var(--soft); overflow-wrap: anywhere }
ul { list-style: none; margin: 1.25rem 0 0; padding: 0; border-top: 1px solid var(--line) }
li { display: flex; align-items: center; gap: .75rem; min-height: 3.25rem; padding: .5rem 0; border-bottom: 1px solid var(--line) }
li > .icon { flex: none; display: flex; align-items: center; justify-content: center; width: 2.5rem; height: 2.5rem; color: var(--soft) }
li > .icon svg { width: 1.75rem; height: 1.75rem }
li > .icon img { width: 100%; height: 100%; object-fit: cover; border-radius: .375rem }
li > .name { flex: 1; min-width: 0; overflow-wrap: anywhere; line-height: 1.35 }
li > .name small { display: block; color: var(--soft); font-size: .8125rem }
li > .name .wrong { color: var(--bad) }
li > .get { flex: none; padding: .5rem; margin-right: -.5rem; color: var(--act); border-radius: .5rem }
li > .get svg { width: 1.375rem; height: 1.375rem; stroke-width: 1.75 }
.more { display: block; margin-top: 1rem; text-align: center; color: var(--act) }
`;

/** What a page of a share link is answered with; of the service itself it may show pictures. */
export const SHARE_PAGE_HEADERS: Readonly<Record<string, string>> = pageHeaders(
  STYLE,
  "img-src 'self' data:",
);

/** A page of a share link around content that is HTML already; the title is plain text. */
export function sharePage(title: string, content: string): string {
  const body = `<main>\n${content}\n</main>\n<footer>Shared with imaginaryStorage</footer>`;
  return htmlDocument({ title, style: STYLE, body });
}
