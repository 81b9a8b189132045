import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

// The tags of X.690 and the object identifiers of RFC 5280 and RFC 5758 that a certificate needs.
const [TRUE, INTEGER, BITS, OCTETS, OID, TEXT, TIME, SEQUENCE, SET] = [1, 2, 3, 4, 6, 12, 24, 48, 49];
const COMMON_NAME = '550403';
const ALTERNATIVE_NAME = '551d11';
const BASIC_CONSTRAINTS = '551d13';
const ECDSA_WITH_SHA256 = '2a8648ce3d040302';
const LOOPBACK = Buffer.from([127, 0, 0, 1]);
const A_DAY = 86_400_000;

/** A certificate of 127.0.0.1 that vouches for itself for a day, and its key, both in PEM. */
export function selfSigned(): { certificate: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algorithm = node(SEQUENCE, oid(ECDSA_WITH_SHA256));
  const name = node(
    SEQUENCE,
    node(SET, node(SEQUENCE, oid(COMMON_NAME), node(TEXT, Buffer.from('127.0.0.1')))),
  );
  const extensions = node(
    SEQUENCE,
    extension(BASIC_CONSTRAINTS, node(SEQUENCE, node(TRUE, Buffer.from([255])))),
    extension(ALTERNATIVE_NAME, node(SEQUENCE, node(0x87, LOOPBACK))),
  );
  const claims = node(
    SEQUENCE,
    node(0xa0, node(INTEGER, Buffer.from([2]))),
    node(INTEGER, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name,
    node(SEQUENCE, time(Date.now() - A_DAY), time(Date.now() + A_DAY)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    node(0xa3, extensions),
  );
  const signature = sign('sha256', claims, privateKey);
  const whole = node(SEQUENCE, claims, algorithm, node(BITS, Buffer.from([0]), signature));
  const lines = whole.toString('base64').replace(/.{1,64}/g, '$&\n');
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function node(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const oid = (hex: string) => node(OID, Buffer.from(hex, 'hex'));
const extension = (id: string, value: Buffer) => node(SEQUENCE, oid(id), node(OCTETS, value));
const time = (at: number) =>
  node(TIME, Buffer.from(`${new Date(at).toISOString().replace(/\D/g, '').slice(0, 14)}Z`));
