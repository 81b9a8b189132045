import type { FastifyInstance } from 'fastify';

/** Something the service needs; resolves when it answers. */
export type Check = () => Promise<unknown>;

const PATIENCE_MS = 5_000;

/** `/health/live` says that the process runs, `/health/ready` that everything it needs answers, each with its time. */
export async function healthRoutes(
  app: FastifyInstance,
  options: { checks: Readonly<Record<string, Check>>; stopping: () => boolean },
): Promise<void> {
  app.get('/health/live', async () => ({ status: 'ok' }));

  app.get('/health/ready', async (_request, reply) => {
    const entries = Object.entries(options.checks).map(
      async ([name, check]) => [name, await timed(check)] as const,
    );
    const checks = Object.fromEntries(await Promise.all(entries));
    const ready = !options.stopping() && Object.values(checks).every((check) => check.status === 'ok');
    return reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: ready ? 'ok' : 'unavailable', checks });
  });
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
