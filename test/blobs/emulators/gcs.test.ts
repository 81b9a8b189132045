import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { Storage } from '@google-cloud/storage';
import { GoogleAuth, JWT } from 'google-auth-library';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGcs } from '../../support/backends/gcs.ts';
import {
  askForToken,
  assertionOf,
  readAccount,
  type ServiceAccount,
  tokenOf,
} from '../../support/backends/gcs-account.ts';
import { newAccount } from './gcs-accounts.ts';

const QUANTUM = 256 * 1024;

describe('the server that speaks the API of Google Cloud Storage', () => {
  let account: ServiceAccount;
  let token: string;
  let origin: string;
  let stop = async () => {};
  const bucket = `bucket-${randomBytes(8).toString('hex')}`;
  const objects = `/storage/v1/b/${bucket}/o`;
  const uploads = `/upload${objects}`;

  beforeAll(async () => {
    const started = await startGcs();
    stop = started.stop;
    origin = started.env.TEST_GCS_ENDPOINT ?? '';
    account = await readAccount(started.env.TEST_GCS_KEY_FILE ?? '');
    token = await tokenOf(account);
    const made = await call('POST', '/storage/v1/b?project=p', JSON.stringify({ name: bucket }));
    expect(made.status).toBe(200);
  });
  afterAll(() => stop());

  const call = (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
    fetch(new URL(path, origin), {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body !== undefined && { body }),
    });
  const json = async (answer: Response) => (await answer.json()) as Record<string, never>;
  const put = (name: string, content: string, query = '') =>
    call('POST', `${uploads}?uploadType=media&name=${encodeURIComponent(name)}${query}`, content);

  it('gives a token for nothing but a right and timely assertion of an account that it knows', async () => {
    const stranger = newAccount('stranger', 'test-project', account.token_uri);
    const now = Math.floor(Date.now() / 1_000);
    const wrong: [string, ServiceAccount, object][] = [
      ['Invalid JWT Signature.', { ...stranger, client_email: account.client_email }, {}],
      ['Invalid grant: account not found', stranger, {}],
      ['Invalid JWT: Failed audience check.', account, { aud: 'https://elsewhere.example' }],
      ['reasonable timeframe', account, { iat: now - 7_200, exp: now - 3_600 }],
      ['reasonable timeframe', account, { exp: now + 7_200 }],
    ];
    for (const [words, who, changes] of wrong) {
      const answer = await askForToken(account, assertionOf(who, changes));
      expect(answer.status).toBe(400);
      expect(await json(answer)).toEqual({
        error: 'invalid_grant',
        error_description: expect.stringContaining(words),
      });
    }
    const [, body] = assertionOf(account).split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
    expect((await askForToken(account, none)).status).toBe(400);
    expect((await askForToken(account, assertionOf(account))).status).toBe(200);
  });

  it('answers no call without a token that it gave', async () => {
    for (const authorization of ['', 'Bearer ya29.invented']) {
      for (const path of [objects, `${objects}/a?alt=media`, '/storage/v1/b?project=p']) {
        expect((await call('GET', path, undefined, { authorization })).status).toBe(401);
      }
      expect((await call('POST', `${uploads}?uploadType=media&name=a`, 'a', { authorization })).status).toBe(
        401,
      );
    }
  });

  it('tells the hashes, the size and the generation of what it gives, whole or in a range', async () => {
    const { generation } = await json(await put('digits', '123456789'));
    const whole = await call('GET', `${objects}/digits?alt=media`);
    expect(await whole.text()).toBe('123456789');
    expect(whole.headers.get('x-goog-hash')).toBe('crc32c=4waSgw==,md5=JfnnlDI7RTiF9RgfG2JNCw==');
    expect(whole.headers.get('x-goog-generation')).toBe(generation);
    const part = await call('GET', `${objects}/digits?alt=media`, undefined, { range: 'bytes=3-4' });
    expect([part.status, await part.text()]).toEqual([206, '45']);
    expect(part.headers.get('content-range')).toBe('bytes 3-4/9');
    expect(part.headers.get('x-goog-stored-content-length')).toBe('9');
    const none = await call('GET', `${objects}/digits?alt=media`, undefined, { range: 'bytes=9-' });
    expect(none.status).toBe(416);
  });

  it('holds to preconditions, and takes generation 0 for nothing', async () => {
    const { generation } = await json(await put('once', 'a', '&ifGenerationMatch=0'));
    expect((await put('once', 'b', '&ifGenerationMatch=0')).status).toBe(412);
    expect((await put('never', 'b', '&ifGenerationMatch=1')).status).toBe(412);
    for (const condition of [
      'ifGenerationMatch=1',
      'ifMetagenerationMatch=2',
      `ifGenerationNotMatch=${generation}`,
    ]) {
      expect((await call('DELETE', `${objects}/once?${condition}`)).status).toBe(412);
    }
    const right = `ifGenerationMatch=${generation}&ifMetagenerationMatch=1`;
    expect((await call('DELETE', `${objects}/once?${right}`)).status).toBe(204);
    expect((await call('DELETE', `${objects}/once?${right}`)).status).toBe(404);
  });

  it('refuses a content that is not the one that its description tells of', async () => {
    const multipart = (md5Hash: string) =>
      [
        '--b\r\ncontent-type: application/json\r\n\r\n',
        JSON.stringify({ name: 'hashed', md5Hash, metadata: { a: '1' } }),
        '\r\n--b\r\ncontent-type: text/plain\r\n\r\n123456789\r\n--b--',
      ].join('');
    const send = (md5: string) =>
      call('POST', `${uploads}?uploadType=multipart`, multipart(md5), {
        'content-type': 'multipart/related; boundary=b',
      });
    expect((await send('AAAAAAAAAAAAAAAAAAAAAA==')).status).toBe(400);
    expect((await call('GET', `${objects}/hashed`)).status).toBe(404);
    const made = await json(await send('JfnnlDI7RTiF9RgfG2JNCw=='));
    expect(made).toMatchObject({ size: '9', contentType: 'text/plain', metadata: { a: '1' } });
  });

  it('takes a resumable upload chunk by chunk, tells how far it is, and ends when it is cancelled', async () => {
    const begin = async (name: string) => {
      const begun = await call('POST', `${uploads}?uploadType=resumable`, JSON.stringify({ name }));
      return begun.headers.get('location') ?? '';
    };
    const go = async (session: string, range: string, bytes = 0) => {
      const headers = { 'content-range': range };
      const answer = await fetch(session, { method: 'PUT', headers, body: Buffer.alloc(bytes, 1) });
      return [answer.status, answer.headers.get('range')];
    };
    const session = await begin('parts');
    expect(await go(session, 'bytes */*')).toEqual([308, null]);
    expect(await go(session, 'bytes 0-99/*', 100)).toEqual([400, null]);
    expect(await go(session, `bytes 0-${QUANTUM - 1}/*`, QUANTUM)).toEqual([308, `bytes=0-${QUANTUM - 1}`]);
    expect(await go(session, 'bytes */*')).toEqual([308, `bytes=0-${QUANTUM - 1}`]);
    expect((await call('GET', `${objects}/parts`)).status).toBe(404);
    const last = `bytes ${QUANTUM}-${QUANTUM + 4}/${QUANTUM + 5}`;
    expect(await go(session, last, 5)).toEqual([200, null]);
    expect(await go(session, 'bytes */*')).toEqual([200, null]);
    expect(await json(await call('GET', `${objects}/parts`))).toMatchObject({ size: `${QUANTUM + 5}` });

    const given = await begin('given-up');
    await go(given, `bytes 0-${QUANTUM - 1}/*`, QUANTUM);
    expect((await fetch(given, { method: 'DELETE' })).status).toBe(499);
    expect((await go(given, 'bytes */*'))[0]).toBe(499);
    expect((await go(`${given}x`, 'bytes */*'))[0]).toBe(404);
  });

  it('lists by the UTF-8 bytes of the names, in pages, with what a delimiter cuts off', async () => {
    const names = ['l/\u{1F600}', 'l/\uFFFD', 'l/a', 'l/b/1', 'l/b/2', 'l/c'];
    for (const name of names) await put(name, 'x');
    const pages: string[][] = [];
    let next = '';
    do {
      const query = new URLSearchParams({ prefix: 'l/', delimiter: '/', maxResults: '2', pageToken: next });
      const page = (await json(await call('GET', `${objects}?${query}`))) as {
        items?: { name: string }[];
        prefixes?: string[];
        nextPageToken?: string;
      };
      pages.push([...(page.items ?? []).map(({ name }) => name), ...(page.prefixes ?? [])]);
      next = page.nextPageToken ?? '';
    } while (next);
    expect(pages).toEqual([['l/a', 'l/b/'], ['l/c', 'l/\uFFFD'], ['l/\u{1F600}']]);
  });

  it('copies an object under another name', async () => {
    await put('copied', 'the same');
    const target = `${objects}/copied/rewriteTo/b/${bucket}/o/copy`;
    expect(await json(await call('POST', target))).toMatchObject({ done: true, objectSize: '8' });
    expect(await (await call('GET', `${objects}/copy?alt=media`)).text()).toBe('the same');
    expect((await call('POST', `${target}?ifGenerationMatch=0`)).status).toBe(412);
  });

  it('takes the URLs that the SDK signs, and none that was changed', async () => {
    await put('signed', 'secret');
    const authClient = new GoogleAuth({
      authClient: new JWT({ email: account.client_email, key: account.private_key }),
    });
    authClient.jsonContent = { client_email: account.client_email, private_key: account.private_key };
    const file = new Storage({ authClient, apiEndpoint: origin }).bucket(bucket).file('signed');
    const sign = async (action: 'read' | 'write', seconds = 60, size?: string) => {
      const expires = Date.now() + seconds * 1_000;
      const extensionHeaders = size ? { 'x-goog-content-length-range': size } : {};
      const [url] = await file.getSignedUrl({ version: 'v4', action, expires, extensionHeaders });
      return new URL(url);
    };
    // The SDK leaves the port out of the host that it signs.
    const host = new URL(origin).hostname;
    const url = await sign('read');
    expect(await send('GET', url, { host })).toEqual([200, 'secret']);
    expect(await send('GET', url, {})).toEqual([403, expect.stringContaining('SignatureDoesNotMatch')]);
    expect((await send('PUT', url, { host }, 'x'))[0]).toBe(403);
    const longer = new URL(url);
    longer.searchParams.set('X-Goog-Expires', '604801');
    expect((await send('GET', longer, { host }))[0]).toBe(400);
    const write = await sign('write', 60, '3,5');
    const range = { 'x-goog-content-length-range': '3,5' };
    expect(await send('PUT', write, { host }, '1234')).toEqual([
      400,
      expect.stringContaining('MalformedSecurityHeader'),
    ]);
    expect(await send('PUT', write, { host, ...range }, '12')).toEqual([
      400,
      expect.stringContaining('EntityTooSmall'),
    ]);
    expect(await send('PUT', write, { host, ...range }, '123456')).toEqual([
      400,
      expect.stringContaining('EntityTooLarge'),
    ]);
    expect((await send('PUT', write, { host, ...range }, '1234'))[0]).toBe(200);
    expect(await send('GET', url, { host })).toEqual([200, '1234']);
  });
});

/** Status and body of a request that may say another host than the one it goes to, which fetch may not. */
function send(
  method: string,
  url: URL,
  headers: Record<string, string>,
  body = '',
): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.once('end', () => resolve([answer.statusCode ?? 0, text]));
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
