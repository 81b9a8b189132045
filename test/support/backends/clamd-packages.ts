import type { Package } from '../../../src/database/apt-packages.ts';

const from = (suite: string, ...names: string[]): Package[] => names.map((name) => ({ name, suite }));

/** clamd with every library that it needs but the C library. */
export const CLAMD_PACKAGES: readonly Package[] = [
  ...from('bookworm', 'clamav-daemon', 'libclamav12'),
  ...from('bookworm', 'libbz2-1.0', 'libcurl4', 'libgcc-s1', 'libjson-c5', 'libmspack0', 'libpcre2-8-0'),
  ...from('bookworm', 'libssl3', 'libxml2', 'zlib1g', 'libncurses6', 'libtinfo6', 'libsystemd0'),
  ...from('bookworm', 'libbrotli1', 'libidn2-0', 'libldap-2.5-0', 'libnghttp2-14', 'libpsl5', 'librtmp1'),
  ...from('bookworm', 'libssh2-1', 'libzstd1', 'libcap2', 'libgcrypt20', 'libgpg-error0', 'liblz4-1'),
  ...from('bookworm', 'liblzma5', 'libicu72', 'libstdc++6', 'libgmp10', 'libgnutls30', 'libhogweed6'),
  ...from('bookworm', 'libnettle8', 'libp11-kit0', 'libtasn1-6', 'libunistring2', 'libffi8', 'libsasl2-2'),
  ...from('bookworm', 'libgssapi-krb5-2', 'libcom-err2', 'libk5crypto3', 'libkrb5-3', 'libkrb5support0'),
  ...from('bookworm', 'libkeyutils1'),
];
