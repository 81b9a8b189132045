import type { RemoteContent } from '../../src/isolated/child-messages.ts';

/** What can go wrong in a child process. */
export type Mischief = 'answer' | 'crash' | 'exit' | 'hang' | 'heap' | 'hoard' | 'read-on' | 'wait';

/** Work that does what a content could make a decoder do. */
export async function work(content: RemoteContent, mischief: Mischief): Promise<unknown> {
  if (mischief === 'crash') process.kill(process.pid, 'SIGSEGV');
  if (mischief === 'exit') process.exit(3);
  if (mischief === 'heap') fill();
  if (mischief === 'hang') while (true);
  if (mischief === 'hoard') await hoard();
  if (mischief === 'read-on') while (true) await content.read(0, content.size);
  if (mischief === 'wait') await new Promise((resolve) => setTimeout(resolve, 50));
  const bytes = await content.whole(1024);
  return { pid: process.pid, text: bytes.toString(), environment: Object.keys(process.env).toSorted() };
}

function fill(): void {
  const kept: number[][] = [];
  while (true) kept.push(new Array(100_000).fill(kept.length));
}

async function hoard(): Promise<void> {
  const kept: Buffer[] = [];
  while (kept.length < 10_000) {
    kept.push(Buffer.alloc(8 * 1024 * 1024, 1));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
