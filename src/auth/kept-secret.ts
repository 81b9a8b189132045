import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A random secret that is made at the first call and read from its file (mode 0600) ever after. */
export async function keptSecret(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    // Exclusive: of two processes that start at once, one makes the secret and both use it.
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(randomBytes(48).toString('base64url'));
    await file.sync();
    await file.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const secret = (await readFile(path, 'utf8')).trim();
  if (secret.length < 32)
    throw new Error(`${path} holds no secret: delete it, and a new one is made (all logins end).`);
  return secret;
}
