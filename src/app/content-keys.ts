import type { Config } from '../config.ts';
import { MasterKeys } from '../encryption/master-keys.ts';
import { ContentKeys } from '../services/copies/content-keys.ts';
import type { KeyRotation } from '../services/copies/key-rotation.ts';
import type { Log } from './log.ts';

/** The keys of contents by the configuration; a master key that fails is an alert in the log. */
export function createContentKeys({ ENCRYPTION_KEYS }: Config, log: Log): ContentKeys {
  return new ContentKeys(new MasterKeys(ENCRYPTION_KEYS), (err) =>
    log.error(
      { alert: 'master key', key: err.keyId, trouble: err.trouble, err },
      'contents cannot be decrypted: a master key is missing or wrong',
    ),
  );
}

/** Says at a start which stored contents cannot be read; the others are served all the same. Rejects as `requireCurrent`. */
export async function reportKeys(rotation: KeyRotation, log: Log): Promise<void> {
  await rotation.requireCurrent();
  for (const { name, state } of await rotation.unreadable()) {
    log.error(
      { alert: 'master key', key: name, trouble: state },
      `contents are stored that cannot be decrypted: the master key ${name} is ${state}; see ENCRYPTION_KEYS`,
    );
  }
}
