// Does with the official SDK for Java what the scenario suite of the official SDKs does, in both addressing styles.

import com.qingstor.sdk.config.EnvContext;
import com.qingstor.sdk.constants.QSConstant;
import com.qingstor.sdk.model.OutputModel;
import com.qingstor.sdk.service.Bucket;
import com.qingstor.sdk.service.QingStor;
import com.qingstor.sdk.service.Types;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONObject;

public class Client {
    static final String NAME = "interop-java";
    static final Map<String, String> METHODS = Map.of("acl", "ACL", "cors", "CORS", "policy", "Policy", "lifecycle", "Lifecycle",
            "notification", "Notification", "external_mirror", "ExternalMirror", "logging", "Logging");

    final Bucket bucket;
    final JSONObject scenarios;
    final String port;
    final File picture;

    Client(Bucket bucket, JSONObject scenarios, String port, File picture) {
        this.bucket = bucket;
        this.scenarios = scenarios;
        this.port = port;
        this.picture = picture;
    }

    public static void main(String[] args) throws Exception {
        String domain = args[0], port = args[1], zone = args[2];
        JSONObject scenarios = new JSONObject(Files.readString(Path.of("scenarios.json")).replace("BUCKET", NAME));
        for (String style : List.of(QSConstant.PATH_STYLE, QSConstant.VIRTUAL_HOST_STYLE)) {
            System.out.println(style);
            EnvContext config = new EnvContext(args[3], args[4]);
            config.setEndpoint("http://" + domain + ":" + port);
            config.setVirtualHostEnabled(style.equals(QSConstant.VIRTUAL_HOST_STYLE));
            QingStor service = new QingStor(config);
            check("list buckets", 200, service.listBuckets(new QingStor.ListBucketsInput()));
            new Client(service.getBucket(NAME, zone), scenarios, port, new File(args[5])).run();
        }
        System.exit(0); // the HTTP client keeps threads
    }

    static <T extends OutputModel> T check(String what, int status, T got) {
        System.out.println(what + ": " + got.getStatueCode());
        if (got.getStatueCode() != status) {
            throw new AssertionError(what + ": " + got.getStatueCode() + " " + got.getCode() + " " + got.getMessage() + ", want " + status);
        }
        return got;
    }

    void run() throws Exception {
        check("create", 201, bucket.put());
        check("create again", 409, bucket.put());
        check("head bucket", 200, bucket.head());
        if (!check("statistics", 200, bucket.getStatistics()).getStatus().equals("active")) {
            throw new AssertionError("the bucket is not active");
        }
        for (Object key : scenarios.getJSONArray("keys")) {
            object((String) key);
        }
        object("k".repeat(1023));
        parts(scenarios.getJSONArray("keys").getString(2));
        settings();
        images();
        Bucket.DeleteMultipleObjectsInput all = new Bucket.DeleteMultipleObjectsInput();
        all.setObjects(check("list", 200, bucket.listObjects(new Bucket.ListObjectsInput())).getKeys());
        check("delete many", 200, bucket.deleteMultipleObjects(all));
        check("delete bucket", 204, bucket.delete());
    }

    void object(String key) throws Exception {
        byte[] body = ("content of " + key).getBytes(StandardCharsets.UTF_8);
        boolean full = key.length() > 1000;
        String copied = full ? "copied" : key + "_copy", moved = full ? "moved" : key + "_move";
        Bucket.PutObjectInput put = new Bucket.PutObjectInput();
        put.setBodyInputStream(new ByteArrayInputStream(body));
        put.setContentLength((long) body.length);
        put.setXQSMetaData(Map.of("x-qs-meta-tag", "team-a"));
        check("put " + key, 201, bucket.putObject(key, put));
        Bucket.PutObjectInput copy = new Bucket.PutObjectInput();
        copy.setXQSCopySource("/" + NAME + "/" + key);
        check("copy " + key, 201, bucket.putObject(copied, copy));
        Bucket.PutObjectInput move = new Bucket.PutObjectInput();
        move.setXQSMoveSource("/" + NAME + "/" + copied);
        check("move " + key, 201, bucket.putObject(moved, move));
        for (String k : List.of(key, moved)) {
            same(k, body, check("get " + k, 200, bucket.getObject(k, new Bucket.GetObjectInput())).getBodyInputStream());
        }
        Bucket.GetObjectInput typed = new Bucket.GetObjectInput();
        typed.setResponseContentType("video/mp4; charset=utf8");
        Bucket.GetObjectOutput got = check("get " + key + " with a type", 200, bucket.getObject(key, typed));
        if (!got.getContentType().equals("video/mp4; charset=utf8")) {
            throw new AssertionError("get " + key + ": " + got.getContentType());
        }
        got.close();
        String link = bucket.GetObjectSignatureUrl(key, System.currentTimeMillis() / 1000 + 60);
        same(link, body, URI.create(link).toURL().openStream());
        check("head " + key, 200, bucket.headObject(key, new Bucket.HeadObjectInput()));
        Bucket.OptionsObjectInput options = new Bucket.OptionsObjectInput();
        options.setAccessControlRequestMethod("GET");
        options.setOrigin("example.com");
        check("options " + key, 200, bucket.optionsObject(key, options));
        for (String k : List.of(key, moved)) {
            check("delete " + k, 204, bucket.deleteObject(k, new Bucket.DeleteObjectInput()));
        }
    }

    static void same(String what, byte[] want, InputStream from) throws Exception {
        try (from) {
            byte[] got = from.readAllBytes();
            if (!Arrays.equals(got, want)) {
                throw new AssertionError(what + ": " + got.length + " other bytes came back");
            }
        }
    }

    void parts(String key) throws Exception {
        String id = check("initiate", 200, bucket.initiateMultipartUpload(key, new Bucket.InitiateMultipartUploadInput())).getUploadID();
        int[] sizes = {5 << 20, 4 << 20, 3 << 20};
        for (int i = 0; i < sizes.length; i++) {
            Bucket.UploadMultipartInput part = new Bucket.UploadMultipartInput();
            part.setUploadID(id);
            part.setPartNumber(i);
            part.setContentLength((long) sizes[i]);
            part.setBodyInputStream(new ByteArrayInputStream(new byte[sizes[i]]));
            check("part " + i, 201, bucket.uploadMultipart(key, part));
        }
        Bucket.ListMultipartInput list = new Bucket.ListMultipartInput();
        list.setUploadID(id);
        List<Types.ObjectPartModel> listed = check("list parts", 200, bucket.listMultipart(key, list)).getObjectParts();
        if (listed.size() != sizes.length) {
            throw new AssertionError("list parts: " + listed.size());
        }
        Bucket.CompleteMultipartUploadInput complete = new Bucket.CompleteMultipartUploadInput();
        complete.setUploadID(id);
        complete.setObjectParts(new ArrayList<>(listed));
        complete.setETag("\"0123456789abcdef0123456789abcdef\"");
        check("complete", 201, bucket.completeMultipartUpload(key, complete));
        Bucket.AbortMultipartUploadInput abort = new Bucket.AbortMultipartUploadInput();
        abort.setUploadID(id);
        check("abort after the end", 204, bucket.abortMultipartUpload(key, abort));
        if (check("head it", 200, bucket.headObject(key, new Bucket.HeadObjectInput())).getContentLength() != 12 << 20) {
            throw new AssertionError("the object is not as long as its parts");
        }
    }

    // settings calls methods by name: their inputs all take JSON.
    void settings() throws Exception {
        JSONObject all = scenarios.getJSONObject("settings");
        for (String name : METHODS.keySet()) {
            put(name, all.getJSONObject(name).toString());
            check("get " + name, 200, (OutputModel) Bucket.class.getMethod("get" + METHODS.get(name)).invoke(bucket));
            if (!name.equals("acl")) {
                check("delete " + name, 204, (OutputModel) Bucket.class.getMethod("delete" + METHODS.get(name)).invoke(bucket));
            }
        }
    }

    void put(String name, String json) throws Exception {
        Class<?> type = Class.forName("com.qingstor.sdk.service.Bucket$PutBucket" + METHODS.get(name) + "Input");
        Object input = type.getConstructor().newInstance();
        type.getMethod("setBodyInput", String.class).invoke(input, json);
        check("put " + name, 200, (OutputModel) Bucket.class.getMethod("put" + METHODS.get(name), type).invoke(bucket, input));
    }

    void images() throws Exception {
        put("acl", scenarios.getJSONObject("settings").getJSONObject("acl").toString());
        Bucket.PutObjectInput put = new Bucket.PutObjectInput();
        put.setBodyInputFile(picture);
        check("put a picture", 201, bucket.putObject("photo.png", put));
        byte[] url = ("http://127.0.0.1:" + port + "/" + NAME + "/photo.png").getBytes(StandardCharsets.UTF_8);
        String mark = Base64.getUrlEncoder().withoutPadding().encodeToString(url);
        JSONArray actions = scenarios.getJSONArray("image");
        for (Object action : actions) {
            Bucket.ImageProcessInput in = new Bucket.ImageProcessInput();
            in.setAction(((String) action).replace("MARK", mark));
            check((String) action, 200, bucket.imageProcess("photo.png", in)).getBodyInputStream().close();
        }
    }
}
