// What a page does to a bucket of another origin. The test gives it c: addresses that are signed, and forms. It
// reports what it could see, by names.
'use strict';

const seen = {};

// note keeps what a promise gives, or that the browser did not let the page have it.
async function note(name, promise) {
  try {
    seen[name] = await promise;
  } catch (e) {
    seen[name] = e.name;
  }
}

// get and put tell the status of an answer, and what a page may see of it.
async function answer(response) {
  const exposed = ['ETag', 'X-Qs-Request-Id'].map((name) => response.headers.get(name) !== null);
  return [response.status, ...exposed, await response.text()].join(' ');
}

async function get(url) {
  return answer(await fetch(url));
}

async function put(url, headers) {
  return answer(await fetch(url, {method: 'PUT', headers, body: 'hello'}));
}

async function fetches() {
  const signed = {'Content-Type': 'text/plain', 'X-QS-Meta-Colour': 'red'};
  await note('put', put(c.put, signed));
  await note('put again', put(c.put, signed));
  await note('get', get(c.get));
  await note('get what is missing', get(c.missing));
  await note('put with another header', put(c.put, {...signed, 'X-Other': '1'}));
  await note('delete', fetch(c.delete, {method: 'DELETE'}).then(answer));
}

function parts(form) {
  const data = new FormData();
  for (const [name, value] of form.fields) {
    data.append(name, value);
  }
  data.append('file', new File([new Uint8Array(form.size)], form.fileName, {type: form.type}));
  return data;
}

function send(form) {
  return new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    let sent = 0;
    xhr.upload.onprogress = (e) => { sent = e.loaded; }; // this alone makes the browser ask first
    xhr.onloadend = () => {
      const etag = xhr.getResponseHeader('ETag');
      const code = xhr.responseText && JSON.parse(xhr.responseText).code;
      resolve([xhr.status, etag, code, sent > form.size].join(' '));
    };
    xhr.open('POST', c.bucket);
    xhr.send(parts(form));
  });
}

async function xhrs() {
  await note('form', send(c.form));
  await note('form that was changed', send(c.bad));
}

// sdk uses the official SDK for JavaScript in both addressing styles. It signs here: the keys are those of a test.
async function sdk() {
  await new Promise((loaded, failed) => {
    const script = document.createElement('script');
    script.src = '/sdk.js';
    script.onload = loaded;
    script.onerror = failed;
    document.head.append(script);
  });
  const told = (sent) => sent.then((r) => [r.status, typeof r.data === 'string' ? r.data : ''].join(' '));
  for (const style of ['path', 'virtual']) {
    const config = new qingstor_sdk.Config({...c.config, enable_virtual_host_style: style === 'virtual', log_level: 'error'});
    const bucket = new qingstor_sdk.QingStor(config).Bucket(c.name, c.zone);
    const key = 'a b+中文.txt';
    await note(style + ' put', told(bucket.putObject(key, {body: 'hello', 'Content-Type': 'text/plain'})));
    await note(style + ' copy', told(bucket.putObject('copied', {'X-QS-Copy-Source': '/' + c.name + '/' + key})));
    await note(style + ' get', told(bucket.getObject(key)));
    await note(style + ' head', told(bucket.headObject('copied')));
    await note(style + ' list', bucket.listObjects({prefix: 'a b+'}).then((r) => r.status + ' ' + r.data.keys.map((o) => o.key)));
    await note(style + ' delete', told(bucket.deleteObject(key)));
    await note(style + ' missing', bucket.getObject(key).catch((e) => e.response.status + ' ' + e.response.data.code));
  }
}

// submit sends the page itself away, as a form in HTML does.
function submit() {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = c.bucket;
  form.enctype = 'multipart/form-data';
  form.acceptCharset = c.charset;
  for (const [name, value] of c.form.fields) {
    const input = document.createElement('input');
    input.type = 'hidden';
    input.name = name;
    input.value = value;
    form.append(input);
  }
  const file = document.createElement('input');
  const chosen = new DataTransfer();
  chosen.items.add(new File([new Uint8Array(c.form.size)], c.form.fileName, {type: c.form.type}));
  file.type = 'file';
  file.name = 'file';
  file.files = chosen.files;
  form.append(file);
  document.body.append(form);
  form.submit();
}

async function main() {
  if (c.do === 'submit') {
    submit();
    return;
  }
  await {fetches, xhrs, sdk}[c.do]();
  await fetch('/report', {method: 'POST', body: JSON.stringify(seen)});
}

main().catch((e) => fetch('/report', {method: 'POST', body: JSON.stringify({failed: String(e)})}));
