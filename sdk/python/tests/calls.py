"""Calls of every method of ois-sdk 1.0.0, made with whichever SDK is installed.

Run as a program it makes them all against a server at the port that is given, which has all names below
ois.test, and prints what each gave. The clock stands, so that two SDKs that do the same send the same.
"""

import http.client
import io
import json
import os
import socket
import sys
import time

STOPPED = 1709626530.0  # Tue, 05 Mar 2024 08:15:30 GMT

# A value for each argument; what is not here gets a text.
SAMPLES = {
    "acl": [{"grantee": {"type": "group", "name": "QS_ALL_USERS"}, "permission": "FULL_CONTROL"}],
    "cors_rules": [{"allowed_origin": "http://*.example.com", "allowed_methods": ["GET", "PUT"], "max_age_seconds": 9}],
    "rule": [{"id": "r1", "status": "enabled", "filter": {"prefix": "a/"}, "expiration": {"days": 3}}],
    "rules": [{"id": "r", "status": "enabled", "destination": {"bucket": "other-bucket"}, "filters": {"prefix": []}}],
    "notifications": [
        {"id": "n", "cloudfunc": "notifier", "event_types": ["create_object"], "notify_url": "http://x/"}
    ],
    "statement": [{"id": "s", "user": ["*"], "action": ["get_object"], "effect": "allow", "resource": ["b/*"]}],
    "objects": [{"key": "a"}, {"key": "目录/b"}],
    "object_parts": [{"part_number": 0}, {"part_number": 1}],
    "quiet": True,
    "type": "website",
    "limit": 7,
    "offset": 3,
    "part_number": 0,
    "part_number_marker": 2,
    "position": 12,
    "content_length": "9",
    "body": b"some body",
    "content_type": "text/plain; charset=utf-8",
    "content_md5": "D3I65/m/B3RERek6xVlRVg==",
    "expect": "100-continue",
    "prefix": "目录/a b",
    "marker": "a+b/c&d=e",
    "delimiter": "/",
    "action": "resize:w_300,h_400|rotate:a_90",
    "x_qs_copy_source": "/other-bucket/目录/a b(1)",
    "x_qs_move_source": "/other-bucket/x y",
    "x_qs_fetch_source": "http://example.com/a b/目录?q=1",
    "x_qs_copy_range": "bytes=0-9",
    "x_qs_meta_data": {"author": "team a", "Two": "2"},
    "x_qs_metadata_directive": "REPLACE",
    "x_qs_storage_class": "STANDARD_IA",
    "response_content_disposition": 'attachment; filename="报告.pdf"',
    "response_content_type": "application/pdf",
    "upload_id": "0123456789abcdef",
    "range": "bytes=1-2",
    "x_qs_encryption_customer_algorithm": "AES256",
    "x_qs_copy_source_encryption_customer_algorithm": "AES256",
    "if_modified_since": "Tue, 05 Mar 2024 08:15:30 GMT",
    "source_site": "http://example.com",
    "target_bucket": "logs-bucket",
    "target_prefix": "p/",
    "domain": "www.example.com",
    "location": "jn1a",
    "origin": "http://example.com",
    "access_control_request_method": "GET",
}

# The arguments that must be there, by method.
NEEDED = {
    "delete_cname": ["domain"],
    "delete_multiple_objects": ["content_md5", "objects"],
    "put_acl": ["acl"],
    "put_cname": ["domain", "type"],
    "get_cname": ["type"],
    "put_cors": ["cors_rules"],
    "put_external_mirror": ["source_site"],
    "put_lifecycle": ["rule"],
    "put_logging": ["target_bucket", "target_prefix"],
    "put_notification": ["notifications"],
    "put_policy": ["statement"],
    "put_replication": ["rules"],
    "abort_multipart_upload": ["upload_id"],
    "append_object": ["position", "body"],
    "complete_multipart_upload": ["upload_id", "object_parts"],
    "image_process": ["action"],
    "list_multipart": ["upload_id"],
    "options_object": ["access_control_request_method", "origin"],
    "upload_multipart": ["part_number", "upload_id", "body"],
}

KEYS = [
    "a.txt",
    "dir/中文 (v1).html",
    "plus+and=and&and%41",
    "a//b",
    "dir/../b",
    "./c",
    "😀",
    "q?x#y",
    "~-._",
    "sp ace/",
    "'\"<>{}|\\^`",
]


def sample(argument):
    return SAMPLES.get(argument, argument + "-value")


def methods():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "signatures_1_0_0.json"), encoding="utf-8") as f:
        return {n: args for n, args in json.load(f).items() if not n.endswith(("_request", ".Bucket"))}


def service(port, host="ois.test", virtual=False, keys=("KEYID", "SECRET")):
    from ois.sdk.config import Config
    from ois.sdk.service.qingstor import OIS

    config = Config(*keys)
    config.protocol, config.host, config.port = "http", host, port
    config.enable_virtual_host_style = virtual
    config.connection_retries = 0
    config.timeout = 5
    return OIS(config)


def method_calls(virtual):
    """Each method with all its arguments, and with those it needs."""
    style = " vhost" if virtual else ""
    for name, arguments in methods().items():
        owner, method = name.split(".")
        given = ["a/key.txt"] if "object_key" in arguments else []
        rest = [a for a in arguments if a != "object_key"]

        def call(ois, wanted, owner=owner, method=method, given=given):
            target = ois if owner == "OIS" else ois.Bucket("test-bucket", "JN1A")
            return getattr(target, method)(*given, **{a: sample(a) for a in wanted})

        def positional(ois, owner=owner, method=method, given=given, rest=rest):
            target = ois if owner == "OIS" else ois.Bucket("test-bucket", "JN1A")
            return getattr(target, method)(*given, *[sample(a) for a in rest])

        needed = NEEDED.get(method, [])
        yield f"{method} needed{style}", virtual, lambda o, c=call, w=needed: c(o, w)
        if rest:
            yield f"{method} all{style}", virtual, lambda o, c=call, w=rest: c(o, w)
            yield f"{method} positional{style}", virtual, positional
            for argument in rest:
                if argument not in needed and not virtual:
                    some = [*needed, argument]
                    yield f"{method} {argument}", virtual, lambda o, c=call, w=some: c(o, w)
        if needed:
            yield f"{method} nothing{style}", virtual, lambda o, c=call: c(o, [])


def bucket(ois):
    return ois.Bucket("test-bucket", "jn1a")


def link(ois, **more):
    """A signed link, followed without the SDK's own headers."""
    request = bucket(ois).get_object_request("a/b c.txt", **more)
    prepared = request.sign_query(int(STOPPED) + 60)
    return ois.client.send(prepared)


def changed(ois):
    """A request that the program changes before it signs it."""
    request = bucket(ois).put_object_request("x", body=b"1")
    request.req.headers["X-QS-Date"] = "Tue, 05 Mar 2024 08:15:30 GMT"
    request.req.headers["content-type"] = "text/x-changed"
    return bucket(ois).client.send(request.sign())


def signed_for_others(ois):
    """Signatures that a program takes to pass them on."""
    from ois.sdk.service.qingstor import Bucket

    request = bucket(ois).put_object_request("x", body=b"1", x_qs_meta_data={"passed": "on"})
    assert isinstance(bucket(ois), Bucket)
    request.sign()
    seen = [request.req.headers["Authorization"], request.get_authorization(), request.get_string_to_sign()]
    seen.append(request.get_query_signature(int(STOPPED) + 60))
    return bucket(ois).put_object("seen", body=repr(seen))


def upload(ois):
    from ois.sdk.client.upload_client import UploadClient

    return UploadClient(bucket(ois), 4 << 20).upload("big.bin", io.BytesIO(b"0123456789abcdef" * (5 << 16)))


def other_calls():
    for virtual in (False, True):
        style = " vhost" if virtual else ""
        for key in KEYS:
            yield f"key {key}{style}", virtual, lambda o, k=key: bucket(o).put_object(k, body=b"x")
            yield f"get {key}{style}", virtual, lambda o, k=key: bucket(o).get_object(k)
        yield f"link{style}", virtual, link
        yield f"link with type{style}", virtual, lambda o: link(o, response_content_type="text/html")
        yield f"link with disposition{style}", virtual, lambda o: link(o, response_content_disposition="a; b=c")
    yield "empty body", False, lambda o: bucket(o).put_object("x", body=b"")
    yield "text body", False, lambda o: bucket(o).put_object("x", body="目录")
    yield "file body", False, lambda o: bucket(o).put_object("x", body=io.BytesIO(b"file"))
    yield "file that stands later", False, lambda o: bucket(o).put_object("x", body=later())
    yield "empty file", False, lambda o: bucket(o).put_object("x", body=io.BytesIO(b""))
    yield "iterator", False, lambda o: bucket(o).put_object("x", body=iter([b"a", b"bc"]))
    yield "type by name", False, lambda o: bucket(o).put_object("x.json", body=b"{}")
    yield "read JSON", False, lambda o: bucket(o).get_object("x.json")
    yield "no metadata", False, lambda o: bucket(o).put_object("x", body=b"1", x_qs_meta_data={})
    yield "wrong storage class", False, lambda o: bucket(o).put_object("x", x_qs_storage_class="COLD")
    yield "wrong permission", False, lambda o: bucket(o).put_acl([{"grantee": {"type": "user"}, "permission": "X"}])
    yield "wrong grantee", False, lambda o: bucket(o).put_acl([{"grantee": {"type": "x"}, "permission": "READ"}])
    yield "no grantee", False, lambda o: bucket(o).put_acl([{"permission": "READ"}])
    yield "no part number", False, lambda o: bucket(o).complete_multipart_upload("x", "u", object_parts=[{}])
    yield "request changed", False, changed
    yield "signed for others", False, signed_for_others
    yield "upload client", False, upload


def later():
    f = io.BytesIO(b"head and file")
    f.seek(5)
    return f


def calls():
    yield from method_calls(False)
    yield from method_calls(True)
    yield from other_calls()


def outcome(call, ois):
    try:
        output = call(ois)
    except Exception as e:
        return {"error": type(e).__name__}
    if output is None:
        return {"none": True}
    return {"status": output.status_code, "values": dict(output) if isinstance(output, dict) else None}


def main(port):
    real = socket.getaddrinfo
    socket.getaddrinfo = lambda host, *a, **k: real("127.0.0.1" if str(host).endswith("ois.test") else host, *a, **k)
    services = {virtual: service(port, virtual=virtual) for virtual in (False, True)}
    mark = http.client.HTTPConnection("127.0.0.1", port)
    results = []
    for name, virtual, call in calls():
        mark.request("MARK", "/")
        mark.getresponse().read()
        results.append([name, outcome(call, services[virtual])])
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    os.environ.update(HOME="/nonexistent", no_proxy="*")
    stopped_gmtime = time.gmtime(STOPPED)
    time.gmtime = lambda seconds=None, real=time.gmtime: stopped_gmtime if seconds is None else real(seconds)
    time.time = lambda: STOPPED
    main(int(sys.argv[1]))
