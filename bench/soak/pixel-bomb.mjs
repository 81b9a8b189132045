import { crc32, deflateSync } from 'node:zlib';

/** A valid black PNG of one bit a pixel: kilobytes that stand for hundreds of millions of pixels. */
export function blackPng(width, height) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * height));
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type, body) {
  const frame = Buffer.alloc(body.length + 12);
  frame.writeUInt32BE(body.length);
  frame.write(type, 4, 'latin1');
  body.copy(frame, 8);
  frame.writeUInt32BE(crc32(frame.subarray(4, -4)), body.length + 8);
  return frame;
}
