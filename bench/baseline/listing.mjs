import { createServer } from 'node:http';
import { MongoClient, ObjectId } from 'mongodb';
import { serve } from '../lib/processes.mjs';

/** The bare list server: the query that the service makes for one page, picked down to the fields and stringified. */
serve(async ({ uri, userId, first, fields }) => {
  const client = await MongoClient.connect(uri, { maxPoolSize: 50 });
  const files = client.db().collection('files');
  const owner = new ObjectId(userId);

  const server = createServer(async (request, response) => {
    request.resume();
    try {
      const body = JSON.stringify({ data: { files: { nodes: await page() } } });
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    } catch (error) {
      response.writeHead(500).end(error.stack);
    }
  });

  // One more than asked for, as the service reads it to know whether there is a next page.
  async function page() {
    const conditions = [
      { userId: owner },
      { uploadStatus: 'COMPLETED', isDeleted: false },
      { expiryDate: { $not: { $lte: new Date() } } },
    ];
    const options = {
      sort: { createdAt: -1, _id: -1 },
      limit: first + 1,
      hint: 'own_by_createdAt',
      projection: { words: 0, wordEnds: 0 },
    };
    const documents = await files.find({ $and: conditions }, options).toArray();
    return documents.slice(0, first).map(picked);
  }

  const picked = (document) =>
    Object.fromEntries(fields.map((name) => [name, name === 'id' ? document._id : document[name]]));

  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${server.address().port}` };
});
