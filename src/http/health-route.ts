import type { FastifyInstance } from 'fastify';

/** Something the service needs; resolves when it answers. */
export type Check = () => Promise<unknown>;

const PATIENCE_MS = 5_000;
// Whoever asks more often gets what the last one got: probes are open to all, and none may be refused.
const FRESH_MS = 1_000;
const OPEN = { config: { needs: 'anyone' } } as const;

/** `/health/live` says that the process runs, `/health/ready` that everything it needs answers, each with its time. */
export async function healthRoutes(
  app: FastifyInstance,
  options: {
    checks: Readonly<Record<string, Check>>;
    /** The names of checks that are told and do not decide: without what they ask for the service goes on. */
    advisory?: readonly string[];
    stopping: () => boolean;
  },
): Promise<void> {
  let askedAt = Number.NEGATIVE_INFINITY;
  let latest: ReturnType<typeof timedAll> | undefined;

  app.get('/health/live', OPEN, async () => ({ status: 'ok' }));

  app.get('/health/ready', OPEN, async (_request, reply) => {
    if (performance.now() - askedAt > FRESH_MS) {
      askedAt = performance.now();
      latest = timedAll(options.checks);
    }
    const checks = (await latest) ?? {};
    const decides = (name: string) => !options.advisory?.includes(name);
    const isWell = Object.entries(checks).every(([name, { status }]) => status === 'ok' || !decides(name));
    const ready = !options.stopping() && isWell;
    return reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: ready ? 'ok' : 'unavailable', checks });
  });
}

async function timedAll(checks: Readonly<Record<string, Check>>) {
  const entries = Object.entries(checks).map(async ([name, check]) => [name, await timed(check)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function timed(check: Check): Promise<{ status: 'ok' | 'failed'; milliseconds: number }> {
  const began = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('No answer in time.')), PATIENCE_MS);
  });
  const status = await Promise.race([check(), patience]).then(
    () => 'ok' as const,
    () => 'failed' as const,
  );
  clearTimeout(timer);
  return { status, milliseconds: Math.round((performance.now() - began) * 10) / 10 };
}
