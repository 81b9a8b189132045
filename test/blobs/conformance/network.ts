import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BlobStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import type { ProviderName } from '../../../src/blobs/providers.ts';
import { type FailureKind, storageFailure } from '../../../src/blobs/storage-failure.ts';
import type { Backend } from '../../support/backend.ts';
import { FlakyProxy, type Trouble } from '../flaky-proxy.ts';
import { openVariables } from '../open-variables.ts';
import { chunked, patternOf, read, sourceOf } from '../sources.ts';

const MiB = 1024 * 1024;

/** Every call that asks the backend for something, and what it asks for. */
const CALLS = {
  put: ({ store, absent, source }: Asked) => store.put(absent, source),
  'a put of many parts': ({ store, absent, source }: Asked) => store.put(absent, source),
  open: ({ store, present }: Asked) => store.open(present).then(read),
  'open of a range': ({ store, present }: Asked) => store.open(present, { start: 5, end: 9 }).then(read),
  'open of an absent key': ({ store, absent }: Asked) => store.open(absent),
  stat: ({ store, present }: Asked) => store.stat(present),
  'stat of an absent key': ({ store, absent }: Asked) => store.stat(absent),
  delete: ({ store, present }: Asked) => store.delete(present),
  'delete of an absent key': ({ store, absent }: Asked) => store.delete(absent),
  list: ({ store }: Asked) => Array.fromAsync(store.list()),
  check: ({ store }: Asked) => store.check(),
};
interface Asked {
  store: BlobStore;
  present: string;
  absent: string;
  source: Readable;
}
type Call = keyof typeof CALLS;
const CALL_NAMES = Object.keys(CALLS) as Call[];

interface Outcome {
  /** What the call rejected with, or the string that says that it did not. */
  failure: unknown;
  seconds: number;
  source: Readable;
  /** The key of its own that it was given. */
  absent: string;
}

interface Scene {
  what: string;
  /** The store that is in trouble, once it is. */
  stage(backend: Backend, proxy: FlakyProxy): Promise<BlobStore>;
  /** The kinds of failure that it may be told as. */
  kinds: FailureKind[];
  /** How long a call may take to fail. */
  withinSeconds: number;
}

const openAt = (backend: Backend, variables: Readonly<Record<string, string>>, timeout = 10) =>
  openVariables(backend.provider as ProviderName, { ...variables, STORAGE_TIMEOUT_SECONDS: `${timeout}` });

const disturbed = (trouble: Trouble, timeout?: number) => async (backend: Backend, proxy: FlakyProxy) => {
  const store = await openAt(backend, backend.at(proxy.origin), timeout);
  proxy.disturb(trouble);
  return store;
};

const ANY: FailureKind[] = ['refused', 'throttled', 'unreachable', 'failed'];

const SCENES: Scene[] = [
  {
    what: 'that does not know its credentials',
    stage: (backend) => openAt(backend, backend.foreign),
    kinds: ['refused'],
    withinSeconds: 10,
  },
  {
    what: 'that does not know its bucket',
    stage: (backend) => openAt(backend, elsewhere(backend.env)),
    kinds: ANY,
    withinSeconds: 10,
  },
  {
    what: 'that is not there',
    stage: async (backend, proxy) => {
      const store = await openAt(backend, backend.at(proxy.origin));
      await store.check();
      await proxy.refuse();
      return store;
    },
    kinds: ['unreachable'],
    withinSeconds: 10,
  },
  {
    what: 'that never answers',
    stage: disturbed({ kind: 'silence' }, 1),
    kinds: ['unreachable'],
    withinSeconds: 20,
  },
  {
    what: 'that resets every connection',
    stage: disturbed({ kind: 'cut each', way: 'up', after: 0 }),
    kinds: ['unreachable'],
    withinSeconds: 20,
  },
  {
    what: 'that answers 429 to everything',
    stage: disturbed({ kind: 'answer', status: 429 }),
    kinds: ['throttled'],
    withinSeconds: 20,
  },
  {
    what: 'that answers 503 to everything',
    stage: disturbed({ kind: 'answer', status: 503 }),
    kinds: ['throttled', 'failed'],
    withinSeconds: 20,
  },
  {
    what: 'that answers 500 to everything',
    stage: disturbed({ kind: 'answer', status: 500 }),
    kinds: ['failed'],
    withinSeconds: 20,
  },
];

/** The variables with a bucket or container that does not exist. */
function elsewhere(env: Readonly<Record<string, string>>): Record<string, string> {
  const place = Object.keys(env).find((name) => /_(?:BUCKET|CONTAINER)$/.test(name));
  if (!place) throw new Error('No variable names the bucket or container.');
  return { ...env, [place]: `nowhere-${randomBytes(8).toString('hex')}` };
}

/** What came of a scene. */
interface Performance {
  store: BlobStore;
  proxy: FlakyProxy;
  outcomes: Record<Call, Outcome>;
}

/** The part of the contract about a backend that fails altogether: it is told as what it is, soon, and nothing is lost. */
export function tellsFailures(backendOf: () => Backend | Promise<Backend>): void {
  describe('a backend', () => {
    const key = newBlobKey();
    const content = patternOf(100_000);
    let sound: BlobStore;
    let performances: Performance[];
    const perform = async (backend: Backend, { stage }: Scene): Promise<Performance> => {
      const proxy = await FlakyProxy.start(backend.origin);
      const store = await stage(backend, proxy);
      return { store, proxy, outcomes: await outcomesOf(store, key) };
    };

    beforeAll(async () => {
      const backend = await backendOf();
      sound = await openVariables(backend.provider as ProviderName, backend.env);
      await sound.put(key, chunked(content, 65_536));
      performances = await Promise.all(SCENES.map((scene) => perform(backend, scene)));
    }, 90_000);
    afterAll(async () => {
      for (const { store, proxy } of performances ?? []) await Promise.all([store.close(), proxy.stop()]);
      await sound?.sweepUnfinished(new Date(Date.now() + 3_600_000));
      await sound?.close();
    });

    describe.each(SCENES)('$what', (scene) => {
      const { kinds, withinSeconds } = scene;
      const performed = () => performances[SCENES.indexOf(scene)] as Performance;

      it.each(CALL_NAMES)('%s rejects with what kind of failure it is', (call) => {
        const messages = kinds.map((kind) => storageFailure(kind, undefined).message);
        const { failure } = performed().outcomes[call];
        expect(failure).toMatchObject({ code: 'STORAGE_UNAVAILABLE', cause: expect.anything() });
        expect(messages).toContain((failure as Error).message);
      });

      it.each(CALL_NAMES)(`%s keeps nobody waiting for ${withinSeconds} seconds`, (call) => {
        expect(performed().outcomes[call].seconds).toBeLessThan(withinSeconds);
      });

      it.each(['put', 'a put of many parts'] as const)('%s has destroyed its source', (call) => {
        expect(performed().outcomes[call].source.destroyed).toBe(true);
      });

      it('a sweep removes nothing, or says that it cannot', async () => {
        const swept = await performed()
          .store.sweepUnfinished(new Date(0))
          .catch((error) => error);
        if (swept !== 0) expect(swept).toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
      });

      it('no blob is lost, and none has come', async () => {
        expect((await read(await sound.open(key))).equals(content)).toBe(true);
        for (const { absent } of Object.values(performed().outcomes)) {
          await expect(sound.stat(absent)).rejects.toMatchObject({ code: 'NOT_FOUND' });
        }
      });
    });
  });
}

/** Makes every call at once; one that never ends counts as 60 seconds. */
async function outcomesOf(store: BlobStore, present: string): Promise<Record<Call, Outcome>> {
  const entries = await Promise.all(
    CALL_NAMES.map(async (call): Promise<[Call, Outcome]> => {
      const source = sourceOf(call === 'put' ? 100_000 : 12 * MiB);
      const absent = newBlobKey();
      const begun = performance.now();
      const ended = CALLS[call]({ store, present, absent, source }).then(
        () => 'it resolved',
        (error) => error,
      );
      const failure = await Promise.race([ended, wait(60_000, 'it never ended', { ref: false })]);
      return [call, { failure, seconds: (performance.now() - begun) / 1_000, source, absent }];
    }),
  );
  return Object.fromEntries(entries) as Record<Call, Outcome>;
}
