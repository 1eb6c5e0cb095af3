package config

// What Gramex 1.94 knows and Parley does not, so that nobody is told that a
// key of their working app is unknown.

// unusedSections are ignored with one warning.
var unusedSections = []string{
	"version", "mime", "threadpool", "cache", "eventlog", "schedule", "email", "sms", "alert", "watch",
	"encrypt", "test", "gramexlog", "storelocations",
}

// accessKeys restrict who may use an endpoint or the app, wherever they stand,
// and are not supported.
var accessKeys = []string{"ratelimit", "xsrf_cookies"}

// guardKeys do so where they belong.
var guardKeys = map[string]string{
	"auth":     "the kwargs of a WebSocketHandler, FunctionHandler or FileHandler, or in app:",
	"validate": "the kwargs of a WebSocketHandler, FunctionHandler or FileHandler",
	"token":    "the kwargs of a WebSocketHandler, or in app:",
}

// switchableKeys are those of both which restrict nothing when false.
var switchableKeys = []string{"auth", "xsrf_cookies"}

// baseHandlerKeys may stand in the kwargs, and some beside them, of every
// handler of Gramex. Here and below, the text is what to do instead.
var baseHandlerKeys = map[string]string{
	"cache": "", "cors": "", "error": "", "headers": "write them in kwargs:", "log": "", "methods": "", "redirect": "",
	"session": "", "set_xsrf": "", "transform": "",
}

// gramexKeys are other keys of Gramex and Tornado, by section.
var gramexKeys = map[string]map[string]string{
	"": {
		"import.merge": "",
	},
	"app": {
		"browser": "", "debug_exception": "",
	},
	"app.listen": {
		"xheaders":        "trusted_proxies: says whose headers are believed",
		"max_buffer_size": "", "max_header_size": "", "max_body_size": "",
		"ssl_options": "write  tls: {cert: cert.pem, key: key.pem}",
		"protocol":    "", "backlog": "", "reuse_port": "", "family": "", "flags": "", "no_keep_alive": "",
		"idle_connection_timeout": "", "body_timeout": "", "chunk_size": "", "decompress_request": "",
	},
	"app.session": {
		"flush": "sessions are saved within 100 ms", "purge": "expired sessions are purged by themselves",
		"httponly": "the cookie is always HttpOnly", "secure": "the cookie is Secure on HTTPS",
		"samesite": "the cookie is SameSite=Lax", "cookiepath": "", "private_key": "",
	},
	"app.settings": {
		"debug": "", "autoreload": "", "compiled_template_cache": "", "static_hash_cache": "", "serve_traceback": "",
		"compress_response": "", "gzip": "", "default_host": "", "default_handler_class": "", "default_handler_args": "",
		"log_function": "", "ui_modules": "", "ui_methods": "", "key_version": "",
		"xsrf_cookie_kwargs": "", "xsrf_cookie_name": "", "xsrf_cookie_version": "",
		"autoescape": "", "template_path": "", "template_loader": "", "template_whitespace": "",
		"static_path": "", "static_url_prefix": "", "static_handler_class": "", "static_handler_args": "",
		"websocket_ping_interval":    "set ping_interval: in the endpoint's kwargs",
		"websocket_ping_timeout":     "set ping_timeout: in the endpoint's kwargs",
		"websocket_max_message_size": "set max_message_size: in the endpoint's kwargs",
		"google_oauth":               "", "facebook_api_key": "", "facebook_secret": "",
		"twitter_consumer_key": "", "twitter_consumer_secret": "",
	},
	"log": {
		"version": "", "root": "set level: and format:", "loggers": "set level: and format:",
		"handlers": "the log goes to standard error", "formatters": "set format: text or json",
		"filters": "", "disable_existing_loggers": "", "incremental": "",
	},
	webSocketHandler: {
		"get_compression_options": "set compression:",
	},
	functionHandler: {
		"method": "",
	},
	simpleAuth: {
		"action": "", "headers": "", "lookup": "", "prepare": "", "recaptcha": "", "rules": "", "user_key": "", "validate": "",
	},
	logoutHandler: {
		"action": "", "headers": "", "validate": "",
	},
	authKwarg: {
		"template": "",
	},
	redirectKwarg: {
		"external": "nobody is sent to another site by what a request says",
	},
	fileHandler: {
		"index": "", "index_template": "", "default": "", "template": "",
		"sass": "", "scss": "", "ts": "", "vue": "",
	},
}

// The handlers Parley has, and what stands for all of them under handlers:.
const (
	baseHandler      = "BaseHandler"
	webSocketHandler = "WebSocketHandler"
	functionHandler  = "FunctionHandler"
	fileHandler      = "FileHandler"
	simpleAuth       = "SimpleAuth"
	logoutHandler    = "LogoutHandler"
)

var handlers = []string{webSocketHandler, functionHandler, fileHandler, simpleAuth, logoutHandler}

// handlerAliases are other names that Gramex has for them.
var handlerAliases = map[string]string{
	"Websocket":        webSocketHandler,
	"Function":         functionHandler,
	"File":             fileHandler,
	"DirectoryHandler": fileHandler,
}

// gramexHandlers are those Parley has not.
var gramexHandlers = []string{
	"AuthHandler", "BaseHandler", "BaseWebSocketHandler", "Capture", "CaptureHandler", "ChatGPTHandler", "Comic",
	"ComicHandler", "Command", "CommentHandler", "DBAuth", "Data", "DataHandler", "DriveHandler", "EmailAuth",
	"FacebookAuth", "FacebookGraphHandler", "Filter", "FilterHandler", "FormHandler", "GoogleAuth",
	"IntegratedAuth", "JSON", "JSONHandler", "LDAPAuth", "ML", "MLHandler", "MLPredictor",
	"MessageHandler", "ModelHandler", "OAuth2", "OpenAPI", "OpenAPIHandler", "PPTXHandler", "ProcessHandler",
	"Proxy", "ProxyHandler", "SAMLAuth", "Screenshot", "Slide", "SMSAuth", "Storage", "Twitter",
	"TwitterAuth", "TwitterRESTHandler", "TwitterStream", "Upload", "UploadHandler",
}
