import { describe, expect, it } from 'vitest';

type WithFiles = (init: RequestInit | undefined, files: Map<number, File>) => RequestInit | undefined;

// Plain JavaScript for the browser, without declarations; the address is not literal so that none are looked for.
const address = new URL('./multipart-request.js', import.meta.url).href;
const { withFiles }: { withFiles: WithFiles } = await import(/* @vite-ignore */ address);

const report = new File(['one'], 'report.txt', { type: 'text/plain' });
const photo = new File(['two'], 'photo.png', { type: 'image/png' });
const attached = new Map([
  [0, report],
  [3, photo],
]);

function post(variables: unknown): RequestInit {
  const headers = { 'Content-Type': 'application/json', authorization: 'Bearer token' };
  return { method: 'POST', headers, body: JSON.stringify({ query: 'mutation { __typename }', variables }) };
}

function parts(init: RequestInit | undefined): [string, string | File][] {
  if (!(init?.body instanceof FormData)) throw new Error('not a multipart request');
  return [...init.body.entries()];
}

describe('withFiles', () => {
  it('leaves a request without files as it is', () => {
    for (const init of [
      post({ name: '@file:', other: 'a@file:0' }),
      post(undefined),
      { method: 'GET' },
      undefined,
    ]) {
      expect(withFiles(init, attached)).toBe(init);
    }
    const text = { method: 'POST', body: 'not JSON "@file:0"' };
    expect(withFiles(text, attached)).toBe(text);
  });

  it('sends operations, map and files in the order the specification asks for', async () => {
    const sent = parts(
      withFiles(post({ input: { file: '@file:3', label: 'x' }, files: ['@file:0', '@file:3'] }), attached),
    );
    expect(sent.map(([name]) => name)).toEqual(['operations', 'map', '0', '1']);
    expect(JSON.parse(String(sent[0]?.[1]))).toEqual({
      query: 'mutation { __typename }',
      variables: { input: { file: null, label: 'x' }, files: [null, null] },
    });
    const map: unknown = JSON.parse(String(sent[1]?.[1]));
    const files = sent.slice(2).map(([, file]) => (file as File).name);
    expect(map).toEqual({ 0: ['variables.input.file', 'variables.files.1'], 1: ['variables.files.0'] });
    expect(files).toEqual(['photo.png', 'report.txt']);
  });

  it('leaves the content type to the browser and keeps every other header', () => {
    const headers = new Headers(withFiles(post({ file: '@file:0' }), attached)?.headers);
    expect(Object.fromEntries(headers)).toEqual({
      authorization: 'Bearer token',
      'apollo-require-preflight': 'true',
    });
  });

  it('says which file is missing', () => {
    expect(() => withFiles(post({ file: '@file:1' }), attached)).toThrow('No file is attached as "@file:1".');
  });
});
