import type { Package } from '../../../src/database/apt-packages.ts';

const from = (suite: string, ...names: string[]): Package[] => names.map((name) => ({ name, suite }));

/** OpenStack Swift with all that it needs but the C library, its own Python among it, so that the machine's is not asked. */
export const SWIFT_PACKAGES: readonly Package[] = [
  // The first release that answers conditional puts.
  ...from('sid', 'python3-swift'),
  ...from('bookworm', 'python3.11-minimal', 'libpython3.11-minimal', 'libpython3.11-stdlib'),
  ...from('bookworm', 'libexpat1', 'zlib1g', 'libssl3', 'libffi8', 'liblzma5', 'libbz2-1.0', 'libcrypt1'),
  ...from('bookworm', 'libsqlite3-0', 'libuuid1', 'libgcc-s1', 'libstdc++6'),
  ...from('bookworm', 'python3-eventlet', 'python3-greenlet', 'python3-dnspython', 'python3-six'),
  ...from('bookworm', 'python3-pyeclib', 'liberasurecode1', 'python3-xattr', 'python3-cffi-backend'),
  ...from('bookworm', 'python3-pastedeploy', 'python3-cryptography', 'python3-lxml'),
  ...from('bookworm', 'libxml2', 'libxslt1.1', 'libicu72', 'libgcrypt20', 'libgpg-error0'),
];
