import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOGIN, type Login, login, rootOf, SET_ACTIVE, SET_ROLE } from '../../support/administrator.ts';
import { gql, register, send, upload } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const EVENTS = `query ($filter: AuditEventFilter) {
  auditEvents(first: 50, filter: $filter) { totalCount nodes { action outcome actorId targetId ip actor { username } } }
}`;

interface Event {
  readonly action: string;
  readonly actorId: string | null;
  readonly ip: string | null;
}

let first: RunningServer;
let root: Login;

beforeAll(async () => {
  first = await startServer();
  root = await rootOf(first);
});
afterAll(() => first?.stop());

const asRoot = <T = Record<string, unknown>>(query: string, variables = {}) =>
  gql<T>(first.origin, query, variables, root.accessToken);

describe('The audit trail', () => {
  const about = async (filter: object) => {
    const { data, text } = await asRoot<{ auditEvents: { nodes: Event[] } }>(EVENTS, { filter });
    if (!data) throw new Error(text);
    return data.auditEvents.nodes;
  };

  it('tells of the life of an account, newest first, and of what administrators did to it', async () => {
    const ann = await register(first.origin);
    await gql(first.origin, LOGIN, { input: { emailOrUsername: ann.username, password: 'a wrong one' } });
    await login(first.origin, ann.username, ann.password);
    await asRoot(SET_ROLE, { id: ann.id, role: 'ADMIN' });
    await asRoot(SET_ACTIVE, { id: ann.id, isActive: false });
    const events = await about({ subjectId: ann.id });
    expect(events.map(({ action }) => action)).toEqual([
      ...['ACCOUNT_DEACTIVATED', 'ROLE_CHANGED', 'LOGGED_IN', 'LOGIN_FAILED', 'REGISTERED'],
    ]);
    expect(events.map(({ actorId }) => actorId)).toEqual([root.user.id, root.user.id, ann.id, null, ann.id]);
    expect(events.every(({ ip }) => ip === '127.0.0.1')).toBe(true);
    expect(await about({ subjectId: ann.id, outcome: 'REFUSED' })).toHaveLength(1);
  });

  it('tells who fetched a file of somebody else’s, and what became of it', async () => {
    const [ann, bob] = [await register(first.origin), await register(first.origin)];
    const stored = await upload(first.origin, ann.token, { content: 'shared' }, { isPublic: true });
    const id = stored.data?.uploadFile.id ?? '';
    const fetchAs = (token: string | undefined, range = '') =>
      send(first.origin, {
        method: 'GET',
        path: `/files/${id}/content`,
        headers: { ...(token && { authorization: `Bearer ${token}` }), ...(range && { range }) },
      });
    for (const range of ['bytes=1-', '', '']) {
      for (const token of [ann.token, bob.token, undefined])
        expect((await fetchAs(token, range)).text).toMatch(/hared/);
    }
    const act = (name: string) => gql(first.origin, `mutation { ${name} }`, {}, ann.token);
    await act(`deleteFile(id: "${id}") { id }`);
    await act(`purgeFile(id: "${id}")`);
    const events = await about({ targetId: id });
    expect(events.map(({ action, actorId }) => [action, actorId]).sort()).toEqual(
      [
        ['FILE_DELETED', ann.id],
        ['FILE_DOWNLOADED', bob.id],
        ['FILE_DOWNLOADED', null],
        ['FILE_PURGED', ann.id],
      ].sort(),
    );
  });
});
