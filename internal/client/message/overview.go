package message

// Overview is what the program says about itself.
const Overview = `ois is an object storage server, compatible with QingStor and its relatives, and the tools around it.

Start a server, which keeps everything in one directory:
  ois serve

See it work, without leaving anything behind:
  ois demo

Use it, or any other service with that API:
  ois cp -r ./album ois://photos/2026
  ois sync ois://photos/2026 ./album

Names of objects start with ois://BUCKET/. Address and keys come from ~/.ois/config.yaml, from ~/.ois/profiles/NAME.yaml with --profile NAME,
and from the environment: OIS_ENDPOINT, OIS_ACCESS_KEY_ID, OIS_SECRET_ACCESS_KEY, OIS_ZONE.

Exit statuses, the same for all commands:
    0  all is well
    1  something did not work, or a part of it
    2  the command line is wrong; nothing was done
    3  a user, a key, a bucket, an object, a job, a file or the data directory is not there
    4  permission was denied
    5  the network failed, or an address cannot be listened on
  130  interrupted, by Ctrl-C, SIGTERM or SIGHUP, before the work was done`

const overviewChinese = `ois 是与 QingStor 兼容的对象存储服务，以及与之配套的工具。

启动服务，所有数据保存在一个目录里：
  ois serve

看它跑起来，不留下任何东西：
  ois demo

使用它，或任何支持这套 API 的服务：
  ois cp -r ./album ois://photos/2026
  ois sync ois://photos/2026 ./album

对象的名称以 ois://BUCKET/ 开头。地址和密钥取自 ~/.ois/config.yaml，用 --profile NAME 时取自 ~/.ois/profiles/NAME.yaml，
也可取自环境变量：OIS_ENDPOINT、OIS_ACCESS_KEY_ID、OIS_SECRET_ACCESS_KEY、OIS_ZONE。

退出状态，所有命令相同：
    0  一切正常
    1  有内容未成功
    2  命令行有误；什么也没有做
    3  用户、密钥、存储空间、对象、任务、文件或数据目录不存在
    4  没有权限
    5  网络故障，或无法监听地址
  130  在完成之前被 Ctrl-C、SIGTERM 或 SIGHUP 中断`
