import { describe, expect, it } from 'vitest';
import { ObjectId } from '../../models/object-id.ts';
import { withinRequest } from '../request-facts.ts';
import { DownloadNotes } from './download-notes.ts';
import type { NotedLately } from './noted-lately.ts';

describe('A download', () => {
  const [owner, reader] = [new ObjectId(), new ObjectId()];
  const file = { _id: new ObjectId(), userId: owner };
  const from = (ip: string, work: () => void) => withinRequest({ requestId: 'r', ip, userAgent: null }, work);

  it('is noted for others than the owner, once in ten minutes for each of them and each file', () => {
    const acts: unknown[] = [];
    let time = 0;
    const notes = new DownloadNotes({ record: async (act) => void acts.push(act) }, () => time);
    notes.begun({ userId: owner }, file);
    expect(acts).toEqual([]);
    const key = { id: new ObjectId() };
    for (let i = 0; i < 5; i += 1) notes.begun({ userId: reader, key }, file);
    expect(acts).toEqual([
      { action: 'FILE_DOWNLOADED', by: { userId: reader, key }, subject: owner, target: file._id },
    ]);
    for (const ip of ['192.0.2.1', '192.0.2.2', '192.0.2.1']) from(ip, () => notes.begun(null, file));
    expect(acts).toHaveLength(3);
    notes.begun({ userId: reader }, { ...file, _id: new ObjectId() });
    time = 10 * 60_000 - 1;
    notes.begun({ userId: reader }, file);
    expect(acts).toHaveLength(4);
    time += 1;
    notes.begun({ userId: reader }, file);
    expect(acts).toHaveLength(5);
  });

  it('is remembered in bounded memory', () => {
    let count = 0;
    const record = async () => {
      count += 1;
    };
    const notes = new DownloadNotes({ record });
    for (let i = 0; i < 25_000; i += 1) from(`ip ${i}`, () => notes.begun(null, file));
    expect(count).toBe(25_000);
    expect((notes as unknown as { noted: NotedLately }).noted.size).toBe(10_000);
  });
});
