//! Prints what a client would send. Its transport is the place for HTTP and for the signature.

use store::bucket::{ListObjectsInput, PutBucketACLInput};
use store::object::PutObjectInput;
use store::types::{Grant, Grantee};
use store::{Body, Client, Request, Response, Transport};

struct Printer;

impl Transport for Printer {
    type Error = String;

    fn send(&self, r: Request) -> Result<Response, String> {
        let query: Vec<String> = r.query.iter().map(|(k, v)| format!("{k}={v}")).collect();
        println!("{} {} {} {:?}", r.method, r.path, query.join("&"), r.headers);
        match r.body {
            Body::Json(text) => println!("{text}"),
            Body::Bytes(bytes) => println!("{} bytes", bytes.len()),
            _ => {}
        }
        Ok(Response { status: 200, ..Response::default() })
    }
}

fn main() -> Result<(), String> {
    let client = Client::new(Printer);
    client.list_objects(&ListObjectsInput {
        bucket: "photos".to_string(),
        prefix: Some("2024/".to_string()),
        limit: Some(10),
        ..Default::default()
    })?;
    client.put_object(&PutObjectInput {
        bucket: "photos".to_string(),
        key: "2024/a b?{key}.txt".to_string(),
        content_type: Some("text/plain".to_string()),
        metadata: [("x".to_string(), "1".to_string())].into(),
        body: Some(b"hello".to_vec()),
        ..Default::default()
    })?;
    let answer = client.put_bucket_acl(&PutBucketACLInput {
        bucket: "photos".to_string(),
        acl: Some(vec![Grant {
            grantee: Grantee { type_: "group".to_string(), name: Some("QS_ALL_USERS".to_string()), ..Default::default() },
            permission: "READ".to_string(),
        }]),
    })?;
    println!("{}", answer.status);
    Ok(())
}
