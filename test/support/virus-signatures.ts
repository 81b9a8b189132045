import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

/** The lines of a database’s files, by the ends of their names. */
export type Signatures = Readonly<Record<'hdb' | 'ndb', readonly string[]>>;

// In pieces, so that no scanner takes this file for what it describes.
const PIECES = ['X5O!P%@AP[4', '\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-', 'ANTIVIRUS-TEST-FILE', '!$H+H*'];

/** The harmless text that every virus scanner takes for a virus, 68 bytes. */
export const EICAR = PIECES.join('');

/** Signatures that know EICAR, as a file and inside of others. */
export const EICAR_SIGNATURES: Signatures = {
  hdb: [`${md5(EICAR)}:${EICAR.length}:Eicar-Test-Signature`],
  ndb: [bodySignature('Eicar-Test-Body', EICAR)],
};

/** The signature of everything that holds the text. */
export function bodySignature(name: string, text: string): string {
  return `${name}:0:*:${Buffer.from(text).toString('hex')}`;
}

/** A daily database of ClamAV with these signatures under that version, unsigned (`daily.cud`). */
export function clamdDatabase(version: number, signatures: Signatures): Buffer {
  const files = Object.entries(signatures).map(
    ([end, lines]) => [`daily.${end}`, Buffer.from(lines.map((line) => `${line}\n`).join(''))] as const,
  );
  const count = Object.values(signatures).flat().length;
  const head = `ClamAV-VDB:01 Jan 2026 00-00 +0000:${version}:${count}:90:X:X:tests:1767225600`;
  const sums = files.map(([name, content]) => `${name}:${content.length}:${sha256(content)}\n`);
  const info = Buffer.from(`${head}\n${sums.join('')}`);
  const archive = [['daily.info', info] as const, ...files].map(([name, content]) => tarEntry(name, content));
  return Buffer.concat([
    Buffer.from(head.padEnd(512)),
    gzipSync(Buffer.concat([...archive, Buffer.alloc(1024)])),
  ]);
}

function tarEntry(name: string, content: Buffer): Buffer {
  const head = Buffer.alloc(512);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  const fields = { 0: name, 100: '0000644', 108: '0000000', 116: '0000000' };
  for (const [at, text] of Object.entries(fields)) head.write(text, Number(at));
  head.write(octal(content.length, 11), 124);
  head.write(octal(0, 11), 136);
  head.write('        ', 148);
  head.write('0', 156);
  head.write('ustar\0', 257);
  head.write('00', 263);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${octal(sum, 6)}\0 `, 148);
  return Buffer.concat([head, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
