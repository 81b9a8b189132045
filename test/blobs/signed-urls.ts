import { type DirectStore, isDirect, type UploadAddress } from '../../src/blobs/blob-store.ts';
import type { ProviderName } from '../../src/blobs/providers.ts';
import type { Backend } from '../support/backend.ts';
import { openVariables } from './open-variables.ts';
import { patternOf } from './sources.ts';

/** Opens a store that serves clients itself; rejects where the provider cannot. */
export async function openDirect(
  backend: Backend,
  variables: Readonly<Record<string, string>>,
): Promise<DirectStore> {
  const store = await openVariables(backend.provider as ProviderName, variables);
  if (!isDirect(store)) throw new Error(`The provider ${store.provider} gives no addresses to clients.`);
  return store;
}

/** The status of an answer whose body nobody wants. */
export async function statusOf(url: string, request: RequestInit = {}): Promise<number> {
  const answer = await fetch(url, request);
  await answer.arrayBuffer();
  return answer.status;
}

/** The status that a client gets who sends these bytes as the address wants it, without one of its headers at most. */
export function send(
  { url, method, headers }: UploadAddress,
  body: Buffer<ArrayBuffer>,
  except = '',
): Promise<number> {
  // fetch counts the bytes itself.
  const left = Object.entries(headers).filter(
    ([name]) => name.toLowerCase() !== 'content-length' && name !== except,
  );
  return statusOf(url, { method, headers: Object.fromEntries(left), body });
}

/** A pattern as fetch wants its bytes. */
export function bodyOf(size: number, seed = 0): Buffer<ArrayBuffer> {
  return Buffer.from(patternOf(size, seed));
}

/** The URL, once for each of its parameters, with another value of that one. */
export function* tampered(url: string): Generator<[parameter: string, url: string]> {
  for (const [name, value] of new URL(url).searchParams) {
    const other = new URL(url);
    // Still of the right form, where the value is a number, hexadecimal or Base64.
    other.searchParams.set(name, (value.startsWith('1') ? '2' : '1') + value.slice(1));
    yield [name, other.href];
  }
}

/** Whether an answer says that the request was not right. */
export function isRefusal(status: number): boolean {
  return status >= 400 && status < 500;
}
