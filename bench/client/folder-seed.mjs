import { MongoClient, ObjectId } from 'mongodb';
import { serve } from '../lib/processes.mjs';

const BATCH = 10_000;

/**
 * Puts folders and files straight into the database: `wide` files and `wide` folders in one folder each, and a chain of
 * `deep` folders. Resolves with the ids that the row asks about.
 */
serve(async ({ uri, userId, template, wide, deep, small }) => {
  const client = await MongoClient.connect(uri);
  const [folders, files] = ['folders', 'files'].map((name) => client.db().collection(name));
  const owner = new ObjectId(userId);
  const model = await files.findOne({ _id: new ObjectId(template) });
  const folderOf = (name, parent) => {
    const now = new Date();
    const place = { _id: new ObjectId(), userId: owner, name, nameKey: name, parent };
    return { ...place, isDeleted: false, deletedAt: null, createdAt: now, updatedAt: now };
  };
  const insertAll = async (collection, count, make) => {
    for (let i = 0; i < count; i += BATCH) {
      const many = Array.from({ length: Math.min(BATCH, count - i) }, (_, k) => make(i + k));
      await collection.insertMany(many, { ordered: false });
    }
  };
  const fileIn = (folder) => (i) => {
    const createdAt = new Date(1.7e12 + i * 1000);
    const _id = new ObjectId();
    return { ...model, _id, fileName: _id.toHexString(), folder, createdAt, updatedAt: createdAt };
  };
  const tops = ['wide', 'small', 'siblings', 'few'].map((name) => folderOf(name, null));
  const [wideTop, smallTop, siblingsTop, fewTop] = tops;
  await folders.insertMany(tops);
  await insertAll(files, wide, fileIn(wideTop._id));
  await insertAll(files, small, fileIn(smallTop._id));
  const numbered = (top) => (i) => folderOf(`f${String(i).padStart(7, '0')}`, top._id);
  await insertAll(folders, wide, numbered(siblingsTop));
  await insertAll(folders, small, numbered(fewTop));
  let parent = null;
  const chain = Array.from({ length: deep }, (_, i) => {
    const folder = folderOf(`d${i}`, parent);
    parent = folder._id;
    return folder;
  });
  await folders.insertMany(chain);
  const movable = ['deep', 'shallow'].map((name) => folderOf(`moved ${name}`, null));
  await folders.insertMany(movable);
  await client.close();
  const ids = Object.fromEntries(tops.map(({ name, _id }) => [name, _id.toHexString()]));
  const [bottom, above] = [chain.at(-1), chain.at(-2)].map(({ _id }) => _id.toHexString());
  const [first, second] = [chain[0], chain[1]].map(({ _id }) => _id.toHexString());
  const [movedDeep, movedShallow] = movable.map(({ _id }) => _id.toHexString());
  return { ...ids, bottom, above, first, second, movedDeep, movedShallow };
});
