import { bytesOf, newContent, sha256Of } from './contents.mjs';
import { anySize, oneOf, whole } from './random.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;
const MOST_FILES = 10;
const MOST_BYTES = 160 * MIB;
const FIELDS = 'id fileSize fileHash encryption { isEncrypted } downloadUrl';

/** Uploads a new content by multipart, and by the way holds the answer against it. */
export async function upload(account) {
  const content = newContent(anySize(10 * KIB, 64 * MIB));
  const name = `soak-${whole(0, 9)}.bin`;
  const answer = await account.client.upload(
    `mutation ($file: Upload!, $input: UploadFileInput) { uploadFile(file: $file, input: $input) { ${FIELDS} } }`,
    { content, name, token: account.token, input: { sha256: content.sha256, tags: ['soak'] } },
  );
  keep(account, 'upload', content, name, account.noted('upload', answer)?.uploadFile);
  await makeRoom(account);
}

/** Announces a content, sends its parts, some of them twice, and completes it. */
export async function direct(account) {
  const content = newContent(anySize(10 * KIB, 24 * MIB));
  const create = `mutation ($input: CreateUploadInput!) {
    createUpload(input: $input) { id method parts { number start size url headers } }
  }`;
  const input = { originalName: 'direct.bin', fileSize: content.size, sha256: content.sha256 };
  const ticket = (await account.must('direct: announce', create, { input }))?.createUpload;
  if (!ticket) return;
  for (const part of ticket.parts) {
    for (let times = Math.random() < 0.1 ? 2 : 1; times > 0; times -= 1) {
      const { pathname, search } = new URL(part.url);
      const body = bytesOf(content, part.start, part.start + part.size - 1);
      const headers = { ...part.headers, 'content-length': part.size };
      const options = { method: ticket.method, headers, body };
      account.noted(
        'direct: part',
        account.client.answerOf(await account.client.send(pathname + search, options)),
      );
    }
  }
  const complete = `mutation ($id: ID!) { completeUpload(id: $id) { ${FIELDS} } }`;
  const data = await account.must('direct: complete', complete, { id: ticket.id });
  keep(account, 'direct', content, 'direct.bin', data?.completeUpload);
  await makeRoom(account);
}

function keep(account, kind, content, name, file) {
  if (!file) return;
  const isRight =
    file.fileSize === content.size && file.fileHash === content.sha256 && file.encryption.isEncrypted;
  if (!isRight) account.tally.fault(`${kind}: another file came back: ${JSON.stringify(file)}`);
  account.files.push({ id: file.id, content, name, url: file.downloadUrl });
}

async function makeRoom(account) {
  while (account.files.length > MOST_FILES || account.heldBytes > MOST_BYTES) await remove(account);
}

/** Purges the oldest file; some go through the trash, and some come back from it first. */
export async function remove(account) {
  const file = account.files.shift();
  if (!file) return;
  const variables = { id: file.id };
  if (Math.random() < 0.5) {
    await account.must('trash', 'mutation ($id: ID!) { deleteFile(id: $id) { id } }', variables);
    const gone = await account.client.send(`/files/${file.id}/content`, { token: account.token });
    account.tally.note('download of trash', account.client.answerOf(gone).outcome, ['NOT_FOUND']);
    if (Math.random() < 0.3) {
      await account.must('restore', 'mutation ($id: ID!) { restoreFile(id: $id) { id } }', variables);
    } else if (Math.random() < 0.5) {
      await account.must('empty trash', 'mutation { emptyTrash }', {});
      return;
    }
  }
  await account.must('purge', 'mutation ($id: ID!) { purgeFile(id: $id) }', variables);
}

/** Fetches up to four files at once, whole or in part, by token or by signed URL, and verifies every byte. */
export async function download(account) {
  if (account.files.length === 0) return;
  const chosen = Array.from({ length: whole(1, 4) }, () => oneOf(account.files));
  await Promise.all(chosen.map((file) => fetchOne(account, file)));
}

async function fetchOne(account, { id, content, url }) {
  const isSigned = Math.random() < 0.4;
  let path = `/files/${id}/content`;
  if (isSigned) {
    const query = 'query ($id: ID!) { file(id: $id) { downloadUrl } }';
    const { pathname, search } = new URL(
      (await account.must('sign', query, { id }))?.file?.downloadUrl ?? url,
    );
    path = pathname + search;
  }
  const range = Math.random() < 0.5 ? rangeOf(content.size) : null;
  const headers = range && { range: `bytes=${range.start}-${range.end}` };
  const options = { token: isSigned ? undefined : account.token, ...(headers && { headers }) };
  const kind = `download${isSigned ? ', signed' : ''}${range ? ', range' : ''}`;
  const answer = account.client.answerOf(await account.client.send(path, options));
  const expected = range ? sha256Of(content, range.start, range.end) : content.sha256;
  const isRight = answer.status === (range ? 206 : 200) && answer.sha256 === expected;
  const outcome = answer.outcome !== 'ok' || isRight ? answer.outcome : 'other bytes';
  account.tally.note(kind, outcome, ['ok'], `${answer.size} bytes, ${JSON.stringify(answer.headers)}`);
}

function rangeOf(size) {
  const start = whole(0, size - 1);
  return { start, end: Math.min(size - 1, start + whole(0, 2 * MIB)) };
}

/** Lists, sums and searches; all must agree with what the account knows to hold. */
export async function list(account) {
  const query = `query ($first: Int) {
    files(first: $first) { totalCount nodes { id fileSize originalName owner { username } } }
    storageStats { totalFiles totalBytes } me { usage { usedBytes fileCount } }
  }`;
  const data = await account.must('list', query, { first: 50 });
  if (!data) return;
  const known = account.files.map(({ id }) => id).sort();
  const listed = data.files.nodes.map(({ id }) => id).sort();
  if (known.join() !== listed.join()) account.tally.fault(`list: ${listed} instead of ${known}`);
  if (data.storageStats.totalBytes !== account.heldBytes) {
    account.tally.fault(`list: ${data.storageStats.totalBytes} bytes instead of ${account.heldBytes}`);
  }
}

/** Changes a file's description and tags. */
export async function change(account) {
  if (account.files.length === 0) return;
  const { id } = oneOf(account.files);
  const query = 'mutation ($id: ID!, $input: UpdateFileInput!) { updateFile(id: $id, input: $input) { id } }';
  await account.must('change', query, { id, input: { description: `${Math.random()}`, tags: ['a', 'b'] } });
}
