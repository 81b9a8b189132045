import { randomBytes } from 'node:crypto';

const MAGIC = 0x6953;
const UPLOAD_BYTES = 8;
const TIME_AT = 2 + UPLOAD_BYTES;
const INDEX_AT = TIME_AT + 6;
const LENGTH = INDEX_AT + 2;

/** A new random name of an upload, in hex. */
export function newUploadId(): string {
  return randomBytes(UPLOAD_BYTES).toString('hex');
}

/**
 * The id of one block of an upload. It tells whose the block is and when it came, because the service does not;
 * all have one length, because the service wants it so.
 */
export function blockId(upload: string, index: number, now = Date.now()): string {
  const bytes = Buffer.alloc(LENGTH);
  bytes.writeUInt16BE(MAGIC, 0);
  bytes.write(upload, 2, 'hex');
  bytes.writeUIntBE(now, TIME_AT, 6);
  bytes.writeUInt16BE(index, INDEX_AT);
  return bytes.toString('base64');
}

/** Which upload a block belongs to and when it came; null for an id that is not of this form. */
export function readBlockId(id: string): { upload: string; at: Date } | null {
  const bytes = Buffer.from(id, 'base64');
  if (bytes.length !== LENGTH || bytes.readUInt16BE(0) !== MAGIC) return null;
  return { upload: bytes.toString('hex', 2, TIME_AT), at: new Date(bytes.readUIntBE(TIME_AT, 6)) };
}
