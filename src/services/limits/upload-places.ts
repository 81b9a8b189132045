import type { IncomingMessage, ServerResponse } from 'node:http';
import type { UploadSlots } from './upload-slots.ts';

/** Takes places for files that a request sends, until its connection or its answer ends; RATE_LIMITED where there are none. */
export function takePlaces(
  slots: UploadSlots,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  account: string,
  files = 1,
): void {
  if (files < 1) return;
  const release = slots.take(account, files);
  // It may have gone while it was looked at, and an answer tells of its end only once.
  if (request.socket.destroyed || response.writableFinished) release();
  else response.once('close', release);
}
