package api_test

import (
	"errors"
	"fmt"
	"strings"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

func ExampleClient_PutBucketACL() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketACL(ctx, &api.PutBucketACLInput{Bucket: bucket, ACL: []api.Grant{ois.GrantAll(ois.Read)}})
	check(err)
	fmt.Println("everybody may read")
	// Output: everybody may read
}

func ExampleClient_GetBucketACL() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.GetBucketACL(ctx, &api.GetBucketACLInput{Bucket: bucket})
	check(err)
	fmt.Println(out.Owner.ID != "")
	for _, g := range out.ACL {
		fmt.Println(g.Grantee.Type, g.Permission)
	}
	// Output:
	// true
	// user FULL_CONTROL
}

func ExampleClient_PutBucketCORS() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketCORS(ctx, &api.PutBucketCORSInput{
		Bucket:    bucket,
		CORSRules: []api.CORSRule{{AllowedOrigin: "https://*.example.com", AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{"*"}}},
	})
	check(err)
	out, err := c.GetBucketCORS(ctx, &api.GetBucketCORSInput{Bucket: bucket})
	check(err)
	fmt.Println(out.CORSRules[0].AllowedOrigin, out.CORSRules[0].AllowedMethods)
	// Output: https://*.example.com [GET PUT]
}

func ExampleClient_GetBucketCORS() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.GetBucketCORS(ctx, &api.GetBucketCORSInput{Bucket: bucket})
	check(err)
	fmt.Println(len(out.CORSRules)) // there is none
	// Output: 0
}

func ExampleClient_DeleteBucketCORS() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketCORS(ctx, &api.PutBucketCORSInput{
		Bucket:    bucket,
		CORSRules: []api.CORSRule{{AllowedOrigin: "https://*.example.com", AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{"*"}}},
	})
	check(err)
	_, err = c.DeleteBucketCORS(ctx, &api.DeleteBucketCORSInput{Bucket: bucket})
	check(err)
	fmt.Println("back to none")
	// Output: back to none
}

func ExampleClient_PutBucketPolicy() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketPolicy(ctx, &api.PutBucketPolicyInput{
		Bucket: bucket,
		Statement: []api.Statement{{
			ID: "pictures are public", User: api.StringList{"*"}, Effect: "allow", Action: api.StringList{"get_object"}, Resource: api.StringList{bucket + "/*.jpg"},
		}},
	})
	check(err)
	out, err := c.GetBucketPolicy(ctx, &api.GetBucketPolicyInput{Bucket: bucket})
	check(err)
	fmt.Println(out.Statement[0].ID, out.Statement[0].Action)
	// Output: pictures are public [get_object]
}

func ExampleClient_GetBucketPolicy() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.GetBucketPolicy(ctx, &api.GetBucketPolicyInput{Bucket: bucket})
	check(err)
	fmt.Println(len(out.Statement)) // there is none
	// Output: 0
}

func ExampleClient_DeleteBucketPolicy() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketPolicy(ctx, &api.PutBucketPolicyInput{
		Bucket: bucket,
		Statement: []api.Statement{{
			ID: "pictures are public", User: api.StringList{"*"}, Effect: "allow", Action: api.StringList{"get_object"}, Resource: api.StringList{bucket + "/*.jpg"},
		}},
	})
	check(err)
	_, err = c.DeleteBucketPolicy(ctx, &api.DeleteBucketPolicyInput{Bucket: bucket})
	check(err)
	fmt.Println("back to none")
	// Output: back to none
}

func ExampleClient_PutBucketExternalMirror() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketExternalMirror(ctx, &api.PutBucketExternalMirrorInput{Bucket: bucket, SourceSite: "https://example.com/pictures/"})
	check(err)
	out, err := c.GetBucketExternalMirror(ctx, &api.GetBucketExternalMirrorInput{Bucket: bucket})
	check(err)
	fmt.Println(out.SourceSite)
	// Output: https://example.com/pictures/
}

func ExampleClient_GetBucketExternalMirror() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.GetBucketExternalMirror(ctx, &api.GetBucketExternalMirrorInput{Bucket: bucket})
	check(err)
	fmt.Printf("%q\n", out.SourceSite) // there is none
	// Output: ""
}

func ExampleClient_DeleteBucketExternalMirror() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketExternalMirror(ctx, &api.PutBucketExternalMirrorInput{Bucket: bucket, SourceSite: "https://example.com/pictures/"})
	check(err)
	_, err = c.DeleteBucketExternalMirror(ctx, &api.DeleteBucketExternalMirrorInput{Bucket: bucket})
	check(err)
	fmt.Println("back to none")
	// Output: back to none
}

func ExampleClient_PutBucketLogging() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketLogging(ctx, &api.PutBucketLoggingInput{Bucket: bucket, TargetBucket: bucket, TargetPrefix: "logs/"})
	check(err)
	out, err := c.GetBucketLogging(ctx, &api.GetBucketLoggingInput{Bucket: bucket})
	check(err)
	fmt.Println(out.TargetBucket == bucket, out.TargetPrefix)
	// Output: true logs/
}

func ExampleClient_GetBucketLogging() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.GetBucketLogging(ctx, &api.GetBucketLoggingInput{Bucket: bucket})
	check(err)
	fmt.Printf("%q\n", out.TargetBucket) // there is none
	// Output: ""
}

func ExampleClient_DeleteBucketLogging() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketLogging(ctx, &api.PutBucketLoggingInput{Bucket: bucket, TargetBucket: bucket, TargetPrefix: "logs/"})
	check(err)
	_, err = c.DeleteBucketLogging(ctx, &api.DeleteBucketLoggingInput{Bucket: bucket})
	check(err)
	fmt.Println("back to none")
	// Output: back to none
}

func ExampleClient_PutBucketCNAME() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketCNAME(ctx, &api.PutBucketCNAMEInput{Bucket: bucket, Domain: bucket + ".example.com", Type: "normal"})
	check(err)
	out, err := c.GetBucketCNAME(ctx, &api.GetBucketCNAMEInput{Bucket: bucket})
	check(err)
	fmt.Println(out.Count, out.CNAMERecords[0].Type)
	// Output: 1 normal
}

func ExampleClient_GetBucketCNAME() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.GetBucketCNAME(ctx, &api.GetBucketCNAMEInput{Bucket: bucket})
	check(err)
	fmt.Println(len(out.CNAMERecords)) // there is none
	// Output: 0
}

func ExampleClient_DeleteBucketCNAME() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketCNAME(ctx, &api.PutBucketCNAMEInput{Bucket: bucket, Domain: bucket + ".example.com", Type: "normal"})
	check(err)
	_, err = c.DeleteBucketCNAME(ctx, &api.DeleteBucketCNAMEInput{Bucket: bucket, Domain: bucket + ".example.com"})
	check(err)
	fmt.Println("back to none")
	// Output: back to none
}

func ExampleClient_PutBucketLifecycle() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketLifecycle(ctx, &api.PutBucketLifecycleInput{
		Bucket: bucket,
		Rule: []api.LifecycleRule{{
			ID: "logs go after a month", Status: "enabled", Filter: api.LifecycleFilter{Prefix: "logs/"}, Expiration: &api.LifecycleExpiration{Days: 30},
		}},
	})
	check(err)
	out, err := c.GetBucketLifecycle(ctx, &api.GetBucketLifecycleInput{Bucket: bucket})
	check(err)
	fmt.Println(out.Rule[0].ID, out.Rule[0].Expiration.Days)
	// Output: logs go after a month 30
}

func ExampleClient_GetBucketLifecycle() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.GetBucketLifecycle(ctx, &api.GetBucketLifecycleInput{Bucket: bucket})
	check(err)
	fmt.Println(len(out.Rule)) // there is none
	// Output: 0
}

func ExampleClient_DeleteBucketLifecycle() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketLifecycle(ctx, &api.PutBucketLifecycleInput{
		Bucket: bucket,
		Rule: []api.LifecycleRule{{
			ID: "logs go after a month", Status: "enabled", Filter: api.LifecycleFilter{Prefix: "logs/"}, Expiration: &api.LifecycleExpiration{Days: 30},
		}},
	})
	check(err)
	_, err = c.DeleteBucketLifecycle(ctx, &api.DeleteBucketLifecycleInput{Bucket: bucket})
	check(err)
	fmt.Println("back to none")
	// Output: back to none
}

func ExampleClient_PutBucketNotification() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketNotification(ctx, &api.PutBucketNotificationInput{
		Bucket: bucket,
		Notifications: []api.Notification{{
			ID: "new pictures", EventTypes: []string{"create_object"}, ObjectFilters: api.StringList{"*.jpg"},
			Cloudfunc: "notifier", NotifyURL: "https://hooks.example.com/ois",
		}},
	})
	check(err)
	out, err := c.GetBucketNotification(ctx, &api.GetBucketNotificationInput{Bucket: bucket})
	check(err)
	fmt.Println(out.Notifications[0].ID, out.Notifications[0].EventTypes)
	// Output: new pictures [create_object]
}

func ExampleClient_GetBucketNotification() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.GetBucketNotification(ctx, &api.GetBucketNotificationInput{Bucket: bucket})
	check(err)
	fmt.Println(len(out.Notifications)) // there is none
	// Output: 0
}

func ExampleClient_DeleteBucketNotification() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketNotification(ctx, &api.PutBucketNotificationInput{
		Bucket: bucket,
		Notifications: []api.Notification{{
			ID: "new pictures", EventTypes: []string{"create_object"}, ObjectFilters: api.StringList{"*.jpg"},
			Cloudfunc: "notifier", NotifyURL: "https://hooks.example.com/ois",
		}},
	})
	check(err)
	_, err = c.DeleteBucketNotification(ctx, &api.DeleteBucketNotificationInput{Bucket: bucket})
	check(err)
	fmt.Println("back to none")
	// Output: back to none
}

func ExampleClient_PutBucketReplication() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketReplication(ctx, &api.PutBucketReplicationInput{Bucket: bucket, Rules: []api.ReplicationRule{{
		ID: "copies elsewhere", Status: "enabled", Filters: api.ReplicationFilters{Prefix: "2026/"},
		Destination: api.ReplicationDestination{Bucket: bucket + "-copy", Zone: "elsewhere"},
	}}})
	var e *ois.Error
	fmt.Println(errors.As(err, &e), e != nil && e.Status >= 400) // no server of a test has another zone to send to
	// Output: true true
}

func ExampleClient_GetBucketReplication() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.GetBucketReplication(ctx, &api.GetBucketReplicationInput{Bucket: bucket})
	check(err)
	fmt.Println(len(out.Rules)) // there is none
	// Output: 0
}

func ExampleClient_DeleteBucketReplication() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.DeleteBucketReplication(ctx, &api.DeleteBucketReplicationInput{Bucket: bucket})
	check(err)
	fmt.Println("there is none")
	// Output: there is none
}

func ExampleClient_PutBucketVersioning() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketVersioning(ctx, &api.PutBucketVersioningInput{Bucket: bucket, VersioningStatus: "ENABLED"})
	check(err)
	out, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "k", Body: strings.NewReader("hello")})
	check(err)
	fmt.Println(out.VersionID != "")
	// Output: true
}

func ExampleClient_GetBucketVersioning() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketVersioning(ctx, &api.PutBucketVersioningInput{Bucket: bucket, VersioningStatus: "ENABLED"})
	check(err)
	out, err := c.GetBucketVersioning(ctx, &api.GetBucketVersioningInput{Bucket: bucket})
	check(err)
	fmt.Println(out.VersioningStatus)
	// Output: ENABLED
}
