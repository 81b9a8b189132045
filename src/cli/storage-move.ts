import { Command } from 'commander';
import type { Core } from '../app/core.ts';
import type { MoveOrder, MoveSum } from '../services/copies/blob-moves.ts';
import { Throttle } from '../services/copies/throttle.ts';
import { Progress } from './progress.ts';
import { parseAge, parseBytes, showBytes } from './quantities.ts';
import type { Run } from './run.ts';
import { UsageError } from './usage-error.ts';

interface MoveFlags {
  readonly from: string;
  readonly to: string;
  readonly user?: string;
  readonly olderThan?: string;
  readonly dryRun?: boolean;
  readonly rate?: string;
}

/** `imaginary storage move`: moves contents from one provider to another while the service goes on. */
export function moveCommand(run: Run): Command {
  return new Command('move')
    .description(
      'move contents from one provider to another, while the service runs; begun again it goes on where it was stopped',
    )
    .requiredOption('--from <provider>', 'the provider that the contents lie at')
    .requiredOption('--to <provider>', 'the provider that they go to; both must be configured')
    .option('--user <id|name|email>', 'only what this user has a file of')
    .option('--older-than <age>', 'only what was stored longer ago, such as 30d')
    .option('--rate <bytes>', 'read no more than so much a second over all, such as 50MiB')
    .option('--dry-run', 'only say how much there is to move')
    .action((flags: MoveFlags) => move(run, flags));
}

async function move(run: Run, flags: MoveFlags): Promise<void> {
  const rate = flags.rate === undefined ? undefined : new Throttle(parseBytes(flags.rate));
  const age = flags.olderThan === undefined ? undefined : parseAge(flags.olderThan);
  if (flags.from === flags.to) throw new UsageError('--from and --to are the same provider');
  const core = await run.open();
  const order: MoveOrder = {
    from: configured(core, flags.from),
    to: configured(core, flags.to),
    userId: flags.user === undefined ? undefined : await core.moves.userOf(flags.user),
    before: age === undefined ? undefined : new Date(Date.now() - age),
  };
  const total = await core.moves.sum(order, run.signal);
  if (flags.dryRun) {
    run.say(`${amountOf(total)} would be moved from ${order.from} to ${order.to}.`);
    return;
  }
  const done = await core.leases.hold(
    'storage move',
    (signal) => moveAll(run, core, { order, total, rate, signal }),
    run.signal,
  );
  if (done === null) throw new Error('another `storage move` is running; there can be one at a time');
  run.say(`Moved ${amountOf(done.moved)} from ${order.from} to ${order.to}.`);
  if (done.failed > 0) {
    run.say(`${blobsOf(done.failed)} could not be moved; run the same command again to try once more.`);
    run.exitCode = 1;
  }
  if (order.from === core.stores.primary.provider) {
    run.say(`New uploads still go to ${order.from}: STORAGE_PROVIDER says so.`);
  }
}

async function moveAll(
  run: Run,
  core: Core,
  work: { order: MoveOrder; total: MoveSum; rate: Throttle | undefined; signal: AbortSignal },
): Promise<{ moved: MoveSum; failed: number }> {
  const { order, total, rate, signal } = work;
  const progress = new Progress(run, total);
  let failed = 0;
  try {
    const moved = await core.moves.move(order, {
      signal,
      rate,
      observer: {
        copied: (bytes) => progress.addBytes(bytes),
        moved: ({ size }, adopted) => {
          progress.addBlob();
          if (adopted) progress.addBytes(size);
        },
        failed: (blob, error) => {
          failed += 1;
          progress.tell(`The blob ${blob._id} could not be moved: ${reasonOf(error)}`);
        },
      },
    });
    return { moved, failed };
  } finally {
    progress.stop();
  }
}

function configured(core: Core, name: string): string {
  const { providers } = core.config;
  if (providers.some((provider) => provider === name)) return name;
  throw new UsageError(
    `the provider '${name}' is not configured (${providers.join(', ')}); name it in STORAGE_PROVIDERS`,
  );
}

const blobsOf = (count: number) => `${count} ${count === 1 ? 'blob' : 'blobs'}`;

const amountOf = ({ blobs, bytes }: MoveSum) => `${blobsOf(blobs)} (${showBytes(bytes)})`;

/** What went wrong, with what lies behind it: a backend’s own words say more than ours. */
function reasonOf(error: unknown): string {
  const reasons: string[] = [];
  for (let each = error; each instanceof Error && reasons.length < 4; each = each.cause) {
    reasons.push(each.message || each.name);
  }
  return reasons.length > 0 ? reasons.join(' Because: ') : String(error);
}
