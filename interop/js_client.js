// Does with the official SDK for JavaScript what the scenario suite of the official SDKs does. It does so by path: in the other
// style the SDK puts the bucket into the address but, on Node, not into the Host header, where no server could find it. That style
// is for a page, in browser_page.js.
'use strict';

const assert = require('assert');
const fs = require('fs');
const http = require('http');
const { QingStor, Config } = require('./js/node_modules/qingstor-sdk');

const [domain, port, zone, keyID, secret, picture] = process.argv.slice(2);
const name = 'interop-js';
const scenarios = JSON.parse(fs.readFileSync('scenarios.json', 'utf8').replace(/BUCKET/g, name));

// check waits for an answer and compares its status.
async function check(what, status, sent) {
  const got = await sent.catch((e) => {
    if (!e.response) throw e;
    return e.response;
  });
  console.log(`${what}: ${got.status}`);
  assert.strictEqual(got.status, status, `${what}: ${JSON.stringify(got.data)}`);
  return got;
}

// within reports whether all of want is in got, which may have more: defaults, and the owner among grants.
function within(want, got) {
  if (Array.isArray(want)) return Array.isArray(got) && want.every((v) => got.some((x) => within(v, x)));
  if (want && typeof want === 'object') return !!got && Object.keys(want).every((k) => within(want[k], got[k]));
  return want === got;
}

const method = (verb, setting) =>
  verb + ({ acl: 'ACL', cors: 'CORS' }[setting] || setting.split('_').map((w) => w[0].toUpperCase() + w.slice(1)).join(''));

async function settings(bucket) {
  for (const [setting, body] of Object.entries(scenarios.settings)) {
    await check(`put ${setting}`, 200, bucket[method('put', setting)](body));
    const got = await check(`get ${setting}`, 200, bucket[method('get', setting)]());
    assert(within(body, got.data), `${setting}: ${JSON.stringify(got.data)}`);
    if (setting !== 'acl') await check(`delete ${setting}`, 204, bucket[method('delete', setting)]());
  }
  await check('let all read', 200, bucket.putACL(scenarios.settings.acl));
}

async function object(bucket, key) {
  const body = 'content of ' + key;
  const [copied, moved] = key.length > 1000 ? ['copied', 'moved'] : [key + '_copy', key + '_move'];
  const source = (k) => `/${name}/${k}`; // the SDK encodes headers
  await check(`put ${key}`, 201, bucket.putObject(key, { body }));
  await check(`copy ${key}`, 201, bucket.putObject(copied, { 'X-QS-Copy-Source': source(key) }));
  await check(`move ${key}`, 201, bucket.putObject(moved, { 'X-QS-Move-Source': source(copied) }));
  for (const k of [key, moved]) {
    assert.strictEqual((await check(`get ${k}`, 200, bucket.getObject(k))).data, body);
  }
  const type = 'video/mp4; charset=utf8';
  const typed = await check(`get ${key} with a type`, 200, bucket.getObject(key, { 'response-content-type': type }));
  assert.strictEqual(typed.headers['content-type'], type);
  await check(`head ${key}`, 200, bucket.headObject(key));
  // optionsObject of 3.1.4 cannot be called: it looks for the header in another case than it keeps it in.
  for (const k of [key, moved]) await check(`delete ${k}`, 204, bucket.deleteObject(k));
}

// link gets an object by a link with a signature.
async function link(bucket) {
  await check('put linked', 201, bucket.putObject('a b.txt', { body: 'linked' }));
  const request = await bucket.getObjectRequest('a b.txt', { 'response-content-type': 'video/mp4' }).signQuery(60);
  const got = await new Promise((resolve, reject) => {
    http.get(request.operation.uri, (answer) => {
      let text = '';
      answer.on('data', (d) => (text += d)).on('end', () => resolve({ status: answer.statusCode, text }));
    }).on('error', reject);
  });
  assert.deepStrictEqual(got, { status: 200, text: 'linked' });
  await check('delete linked', 204, bucket.deleteObject('a b.txt'));
}

async function parts(bucket, key) {
  const id = (await check('initiate', 200, bucket.initiateMultipartUpload(key, { 'Content-Type': 'text/plain' }))).data.upload_id;
  const sizes = [5, 4, 3];
  for (const [i, size] of sizes.entries()) {
    await check(`part ${i}`, 201, bucket.uploadMultipart(key, { upload_id: id, part_number: String(i), body: Buffer.alloc(size << 20) }));
  }
  const listed = await check('list parts', 200, bucket.listMultipart(key, { upload_id: id }));
  assert.strictEqual(listed.data.count, 3);
  const object_parts = sizes.map((_, part_number) => ({ part_number }));
  await check('complete', 201, bucket.completeMultipartUpload(key, { upload_id: id, object_parts, ETag: '"0123456789abcdef0123456789abcdef"' }));
  await check('abort after the end', 204, bucket.abortMultipartUpload(key, { upload_id: id }));
  const head = await check('head it', 200, bucket.headObject(key));
  assert.strictEqual(head.headers['content-length'], String(12 << 20));
}

async function images(bucket) {
  await check('put a picture', 201, bucket.putObject('photo.png', { body: fs.readFileSync(picture), 'Content-Type': 'image/png' }));
  const mark = Buffer.from(`http://127.0.0.1:${port}/${name}/photo.png`).toString('base64url');
  for (const action of scenarios.image) {
    await check(action, 200, bucket.imageProcess('photo.png', { action: action.replace('MARK', mark) }));
  }
}

async function run() {
  const config = new Config({ access_key_id: keyID, secret_access_key: secret, endpoint: `http://${domain}:${port}` });
  const service = new QingStor(config);
  const bucket = service.Bucket(name, zone);
  await check('create', 201, bucket.put());
  await check('create again', 409, bucket.put());
  await check('list buckets', 200, service.listBuckets());
  await check('head bucket', 200, bucket.head());
  await check('statistics', 200, bucket.getStatistics());
  for (const key of [...scenarios.keys, 'k'.repeat(1023)]) await object(bucket, key);
  await link(bucket);
  await parts(bucket, scenarios.keys[2]);
  await settings(bucket);
  await images(bucket);
  const listed = await check('list objects', 200, bucket.listObjects({ limit: 10 }));
  const objects = listed.data.keys.map(({ key }) => ({ key }));
  assert.strictEqual(objects.length, 2);
  const deleted = await check('delete many', 200, bucket.deleteMultipleObjects({ objects }));
  assert.strictEqual(deleted.data.deleted.length, 2);
  await check('delete bucket', 204, bucket.delete());
}

run().catch((e) => {
  console.error(e);
  process.exit(1);
});
