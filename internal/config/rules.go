package config

// A rule is one kind of mistake. Every problem names its rule, and every rule
// has a fixture in testdata that breaks it.
type rule string

// Rules about files and YAML.
const (
	ruleNoFile    rule = "no-file"    // no such file or folder, or no gramex.yaml in it
	ruleReadable  rule = "readable"   // a file cannot be read
	ruleUTF8      rule = "utf8"       // not UTF-8
	ruleSyntax    rule = "syntax"     // not YAML
	ruleTab       rule = "tab"        // a tab where YAML wants spaces
	ruleEmpty     rule = "empty"      // nothing in the file
	ruleDocuments rule = "documents"  // more than one document
	ruleRoot      rule = "root"       // the file is not a mapping
	ruleDuplicate rule = "duplicate"  // one key twice in a mapping
	ruleKeyText   rule = "key-text"   // a key that is no text
	ruleTag       rule = "tag"        // a YAML tag that means nothing here
	ruleMerge     rule = "merge"      // << with something else than mappings
	ruleCycle     rule = "cycle"      // an alias inside its own anchor
	ruleTooLarge  rule = "too-large"  // aliases that expand without bound
	ruleJSON      rule = "json"       // a number that JSON, hence handler.kwargs, cannot carry
	ruleCondition rule = "condition"  // "key if condition:"
	ruleUnknown   rule = "unknown"    // unknown key
	ruleGramex    rule = "gramex-key" // a key of Gramex that is not supported
	ruleAccess    rule = "access"     // a key that restricts access, and is not supported or protects nothing there
	ruleNoValue   rule = "no-value"   // a key without a value
	ruleType      rule = "type"       // a list where text is wanted, and the like
)

// Rules about imports and variables.
const (
	ruleImport      rule = "import"        // import: of a form that means nothing
	ruleImportConf  rule = "import-config" // import: with a setting that means nothing
	ruleImportFile  rule = "import-file"   // a file to import is missing
	ruleImportCycle rule = "import-cycle"  // a file that imports itself
	ruleImportTwice rule = "import-twice"  // one file imported at two places
	ruleSameURL     rule = "same-url"      // one key under url: in two files
	ruleUndefined   rule = "undefined"     // $NAME that is nowhere defined
	ruleDollar      rule = "dollar"        // "${" that is no variable
	ruleVariable    rule = "variable"      // a definition under variables: that means nothing
	ruleVarCycle    rule = "variable-cycle"
	ruleVarTwice    rule = "variable-twice" // two files define it, neither is nearer
	ruleVarText     rule = "variable-text"  // a list or mapping inside a text
	ruleYAMLURL     rule = "yamlurl"        // $YAMLURL of a file outside the app's folder
)

// Rules about values.
const (
	ruleOverride  rule = "override" // an unknown --key=value
	ruleNumber    rule = "number"
	ruleDuration  rule = "duration"
	ruleSize      rule = "size"
	ruleChoice    rule = "choice" // not one of the words allowed
	ruleAddress   rule = "address"
	ruleProxy     rule = "proxy"
	ruleCookie    rule = "cookie"
	ruleSecret    rule = "secret"
	ruleStorePath rule = "store-path" // app.session.path without a file to be
	rulePing      rule = "ping"       // ping_timeout within ping_interval
	ruleEpollTLS  rule = "epoll-tls"  // driver: epoll together with tls:
	ruleDrain     rule = "drain"      // drain.over longer than sockets have at a stop
	ruleRate      rule = "rate"       // not a rate, or a limit of nothing
	ruleHeader    rule = "header"
	ruleFilename  rule = "filename"
	ruleDomain    rule = "domain"
	ruleName      rule = "name" // of a parameter, header or field
	rulePage      rule = "page" // where no browser can be sent
	ruleLine      rule = "line" // several lines where one is wanted
	ruleGlob      rule = "glob" // a pattern of files that can match none
)

// Rules about endpoints and functions.
const (
	ruleMissing       rule = "missing"        // pattern, handler, function, path or half of tls is not there
	ruleHandler       rule = "handler"        // unknown handler
	ruleGramexHandler rule = "gramex-handler" // a handler of Gramex that is not supported
	ruleService       rule = "service"        // both handler: and service:
	rulePattern       rule = "pattern"        // not a regular expression
	ruleRE2           rule = "re2"            // lookaround or backreferences
	rulePatternSlash  rule = "pattern-slash"  // can match no path
	ruleOrigins       rule = "origins"        // no origin, or an empty one
	ruleOrigin        rule = "origin"         // Options.CheckOrigin refused it
	ruleFunction      rule = "function"       // empty, or arguments beside a pipeline
	ruleStepName      rule = "step-name"      // name: that cannot be a variable
	ruleMembership    rule = "membership"     // a group that nobody can be in, or everybody is
	ruleToken         rule = "token"          // settings of tokens that do not fit together
	ruleJWKS          rule = "jwks"           // no URL that keys can be had from safely
	ruleCredential    rule = "credential"     // no name of a user, or an attribute that is Parley's
	rulePassword      rule = "password"       // Options.CheckPassword refused it
	ruleTemplate      rule = "template"       // a login page that is not there
)

// Warnings.
const (
	ruleWarnSections rule = "warn-sections" // sections Parley has no use for
	ruleWarnPattern  rule = "warn-pattern"  // can never be reached
	ruleWarnShadowed rule = "warn-shadowed" // an imported setting that is not used
	ruleWarnNoPath   rule = "warn-no-path"  // a FileHandler's path does not exist
	ruleWarnGlob     rule = "warn-glob"     // import: of a pattern that matches no file
	ruleWarnPassed   rule = "warn-passed"   // import: with a variable that nobody uses
	ruleWarnAllow    rule = "warn-allow"    // allow: of files that are never served
	ruleWarnLogin    rule = "warn-login"    // nobody can log in
	ruleWarnPage     rule = "warn-page"     // the login page asks for a login

	ruleWarnLoginAuth rule = "warn-login-auth" // auth: of a login page
)

// Warnings of what is unsafe.
const (
	ruleWarnSecret      rule = "warn-secret"       // a short cookie secret
	ruleWarnTokenSecret rule = "warn-token-secret" // a short secret of JWTs
	ruleWarnTokenQuery  rule = "warn-token-query"  // tokens in URLs
	ruleWarnAudience    rule = "warn-audience"     // tokens that were made for others
	ruleWarnPassword    rule = "warn-password"     // a password that is no hash
	ruleWarnExpiry      rule = "warn-expiry"       // session_expiry longer than sessions live
	ruleWarnDomain      rule = "warn-domain"       // a cookie for all subdomains
	ruleWarnProxies     rule = "warn-proxies"      // everybody is a trusted proxy
	ruleWarnPlain       rule = "warn-plain"        // passwords or cookies over plain HTTP
	ruleWarnOrigins     rule = "warn-origins"      // sites that may use a socket as the browser's user
	ruleWarnMethods     rule = "warn-methods"      // auth.methods that open a socket to everybody
	ruleWarnToken       rule = "warn-token"        // app.token, and nobody asks for one
	ruleWarnDelay       rule = "warn-delay"        // passwords may be guessed at full speed
	ruleWarnLoginURL    rule = "warn-login-url"    // a login page over plain HTTP
	ruleWarnLong        rule = "warn-long"         // a right that lasts too long
)
