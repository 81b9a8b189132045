import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, gql, register, upload } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const CONTENT = randomBytes(100_000);
const MINE = 'a foreign page';
let server: RunningServer;
let owner: Account;
let stranger: Account;
let kept: string;
let open: string;

beforeAll(async () => {
  server = await startServer({ LOG_LEVEL: 'info', SHUTDOWN_GRACE_SECONDS: '1' });
  [owner, stranger] = await Promise.all([register(server.origin), register(server.origin)]);
  kept = await stored(CONTENT);
  open = await stored(Buffer.from(MINE), { isPublic: true });
});
afterAll(() => server.stop());

async function stored(content: Buffer, input: object = {}, filename = 'file.bin'): Promise<string> {
  const answer = await upload(server.origin, owner.token, { content, filename }, input);
  if (!answer.data) throw new Error(answer.text);
  return answer.data.uploadFile.id;
}

/** Asks for a content: by the path and query of a URL, or by a file’s id. */
function fetchContent(target: string, token?: string, init: RequestInit = {}): Promise<Response> {
  const path = target.includes('/') ? target.replace(/^https?:\/\/[^/]+/, '') : `/files/${target}/content`;
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...init.headers };
  return fetch(`${server.origin}${path}`, { ...init, headers });
}

async function linkTo(id: string, options = '', account = owner): Promise<string> {
  const query = `query ($id: ID!) { file(id: $id) { downloadUrl${options} } }`;
  const answer = await gql<{ file: { downloadUrl: string } }>(server.origin, query, { id }, account.token);
  if (!answer.data?.file) throw new Error(answer.text);
  return answer.data.file.downloadUrl;
}

async function change(operation: string, id: string, account = owner): Promise<void> {
  const answer = await gql(server.origin, `mutation ($id: ID!) { ${operation} }`, { id }, account.token);
  expect(answer.errors).toEqual([]);
}

async function statusOf(answer: Promise<Response>): Promise<number> {
  const { status, body } = await answer;
  await body?.cancel();
  return status;
}

describe('A content', () => {
  it('comes whole and unchanged to its owner’s Bearer token', async () => {
    const answer = await fetchContent(kept, owner.token);
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '100000']);
    expect(Buffer.from(await answer.arrayBuffer()).equals(CONTENT)).toBe(true);
  });

  it('is NOT_FOUND for others and for nobody, whether it exists or not, in the same words', async () => {
    const bodies = await Promise.all(
      [
        fetchContent(kept, stranger.token),
        fetchContent(kept),
        fetchContent('0'.repeat(24), owner.token),
        fetchContent('0'.repeat(24)),
        fetchContent('no-id', owner.token),
        fetchContent(encodeURIComponent('../../etc/passwd'), owner.token),
      ].map(async (answer) => {
        const { error } = (await (await answer).json()) as { error: Record<string, string> };
        expect(error.requestId).toBe((await answer).headers.get('x-request-id'));
        return [(await answer).status, error.code, error.message];
      }),
    );
    expect(bodies[0]?.slice(0, 2)).toEqual([404, 'NOT_FOUND']);
    expect(new Set(bodies.map(String)).size).toBe(1);
  });

  it('that is public comes to everybody, until it is private again', async () => {
    const id = await stored(Buffer.from(MINE), { isPublic: true });
    const link = await linkTo(id, '', stranger);
    expect(await (await fetchContent(id)).text()).toBe(MINE);
    expect(await (await fetchContent(id, stranger.token)).text()).toBe(MINE);
    expect(await (await fetchContent(link)).text()).toBe(MINE);
    await change('updateFile(id: $id, input: { isPublic: false }) { id }', id);
    expect(await statusOf(fetchContent(id))).toBe(404);
    expect(await statusOf(fetchContent(link))).toBe(404);
  });

  it('is refused to a token that is not valid with 401, even where none is needed', async () => {
    for (const token of ['x', `${owner.token}x`, `${owner.token.slice(0, -3)}abc`, 'null', '.'.repeat(500)]) {
      const answer = await fetchContent(open, token);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
    const basic = { headers: { authorization: 'Basic dXNlcjpwYXNz' } };
    expect(await statusOf(fetchContent(open, undefined, basic))).toBe(401);
  });

  it('in the trash is gone for token and link, and back once restored', async () => {
    const id = await stored(Buffer.from(MINE), { isPublic: true });
    const link = await linkTo(id);
    const all = () =>
      Promise.all([fetchContent(id, owner.token), fetchContent(link), fetchContent(id)].map(statusOf));
    await change('deleteFile(id: $id) { id }', id);
    expect(await all()).toEqual([404, 404, 404]);
    await change('restoreFile(id: $id) { id }', id);
    expect(await all()).toEqual([200, 200, 200]);
  });

  it('that expired is GONE for whom might have it, and NOT_FOUND for others', async () => {
    const id = await stored(Buffer.from(MINE), { expiryDate: new Date(Date.now() + 1500).toISOString() });
    const link = await linkTo(id);
    expect(await statusOf(fetchContent(link))).toBe(200);
    await pause(1600);
    const answers = [fetchContent(id, owner.token), fetchContent(link), fetchContent(id, stranger.token)];
    expect(await Promise.all(answers.map(statusOf))).toEqual([410, 410, 404]);
  });
});

describe('A signed URL', () => {
  it('needs no headers and says in itself how the content is shown', async () => {
    const link = await linkTo(kept, '(disposition: INLINE, expiresInSeconds: 60)');
    expect(new URL(link).origin).toBe(server.origin);
    expect(link).not.toContain(owner.token);
    const usual = await linkTo(kept, '(disposition: null, expiresInSeconds: null)');
    expect(await statusOf(fetchContent(usual))).toBe(200);
    expect(Buffer.from(await (await fetchContent(link)).arrayBuffer()).equals(CONTENT)).toBe(true);
  });

  it('is FORBIDDEN once anything in it is changed', async () => {
    const link = new URL(await linkTo(kept));
    const signature = link.searchParams.get('signature') ?? '';
    const other = new URL(await linkTo(open)).searchParams.get('signature') ?? '';
    const foreign = new URL(await linkTo(open, '', stranger)).searchParams.get('signature') ?? '';
    const swap = (name: string, value: string) => {
      const changed = new URL(link);
      changed.searchParams.set(name, value);
      return changed.href;
    };
    const last = signature.slice(0, -1);
    const signatures = [
      '',
      'x',
      last,
      `${signature}A`,
      `${signature}=`,
      'é'.repeat(43),
      'A'.repeat(43),
      other,
      foreign,
    ];
    // The last character carries bits that decoding drops: none of its neighbours may do instead.
    const neighbours = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'];
    const changed = [
      ...[...signatures, ...neighbours.map((end) => last + end)]
        .filter((text) => text !== signature)
        .map((text) => swap('signature', text)),
      swap('disposition', 'inline'),
      swap('disposition', 'null'),
      swap('expires', String(Number(link.searchParams.get('expires')) + 1)),
      swap('expires', '99999999999999999'),
      swap('expires', '1e9'),
      swap('by', stranger.id),
      swap('by', ''),
      link.href.replace(kept, open),
      link.href.replace(kept, kept.toUpperCase()),
      `${link.href}&signature=${signature}`,
      `${link.href}&by=${owner.id}`,
      `${link.origin}${link.pathname}?signature=${signature}`,
    ].filter((url) => url !== link.href);
    for (const url of changed) expect([await statusOf(fetchContent(url)), url]).toEqual([403, url]);
    expect(await statusOf(fetchContent(changed[0] ?? '', owner.token))).toBe(403);
    expect(await statusOf(fetchContent(link.href))).toBe(200);
  });

  it('is GONE once it has expired, and lives 1 second to 7 days', async () => {
    const link = await linkTo(kept, '(expiresInSeconds: 1)');
    await pause(1100);
    expect(await statusOf(fetchContent(link))).toBe(410);
    for (const seconds of [0, -1, 604_801]) {
      const query = `{ file(id: "${kept}") { downloadUrl(expiresInSeconds: ${seconds}) } }`;
      const { errors } = await gql(server.origin, query, {}, owner.token);
      expect(errors[0]?.extensions).toMatchObject({
        code: 'BAD_USER_INPUT',
        issues: [{ field: 'expiresInSeconds' }],
      });
    }
    await linkTo(kept, '(expiresInSeconds: 604800)');
  });

  it('ends with the account that asked for it', async () => {
    const leaving = await register(server.origin);
    const link = await linkTo(open, '', leaving);
    expect(await statusOf(fetchContent(link))).toBe(200);
    await gql(
      server.origin,
      'mutation ($p: String!) { deleteAccount(password: $p) }',
      { p: leaving.password },
      leaving.token,
    );
    expect(await statusOf(fetchContent(link))).toBe(404);
  });

  it('never gets into the log, nor does a token', async () => {
    await fetchContent(await linkTo(kept), owner.token);
    expect(server.log()).toContain(`/files/${kept}/content`);
    expect(server.log()).not.toMatch(/signature=/);
    expect(server.log()).not.toContain(owner.token);
  });
});
