# Reference numbers of logistic models and ROC curves: lme4, brglm2, pROC.
#
#   Rscript tests/reference/make/logistic.R tests/reference/data/logistic.json
#
# The dose is divided by 100 for lme4, whose optimiser fails on large columns, and the results are brought back.
# lme4 stops at its default tolerances a little before the maximum, so inner and outer iterations are tightened here
# and its estimates are polished by Newton steps on its own deviance; standard errors are those of its Hessian.

suppressPackageStartupMessages({library(lme4); library(brglm2); library(pROC); library(jsonlite); library(numDeriv)})

out <- commandArgs(trailingOnly = TRUE)[1]

tumours <- function(seed, n, patients, sd, b = c(-1.44, 0.02, 0.012), scale = 35, per = NULL) {
  set.seed(seed)
  g <- if (is.null(per)) sort(sample(patients, n, replace = TRUE)) else rep(seq_len(patients), per)
  n <- length(g)
  dose <- round(rgamma(n, shape = 3, scale = scale), 1)
  grade <- (runif(patients) < 0.5)[g] + 0
  eta <- b[1] + b[2] * dose + b[3] * dose * grade + sd * rnorm(patients)[g]
  data.frame(patient = g, dose = dose, grade = grade + 1, outcome = as.integer(runif(n) < plogis(eta)))
}

# Newton on lme4's deviance from where its optimiser stops, with Richardson's derivatives.
polish <- function(fun, x, scale) {
  f <- function(z) fun(z * scale)
  z <- x / scale
  for (k in 1:6) {
    step <- tryCatch(solve(hessian(f, z), grad(f, z)), error = function(e) NULL)
    if (is.null(step) || max(abs(step)) > 1) break
    z <- z - step
    if (max(abs(step)) < 1e-10) break
  }
  z * scale
}

# The tightest inner tolerance at which its inner iterations still end.
mixed <- function(d, nodes) {
  for (tolerance in 10^-(13:9)) {
    result <- tryCatch(mixed_at(d, nodes, tolerance), error = function(e) NULL)
    if (!is.null(result)) return(result)
  }
}

mixed_at <- function(d, nodes, tolerance) {
  control <- glmerControl(optimizer = "bobyqa", tolPwrss = tolerance, optCtrl = list(rhoend = 1e-9, maxfun = 1e5),
                          check.conv.grad = "ignore", check.conv.hess = "ignore", check.conv.singular = "ignore",
                          check.scaleX = "ignore")
  fit <- suppressWarnings(glmer(outcome ~ I(dose / 100) + I(dose / 100):I(grade - 1) + (1 | patient), d,
                                family = binomial, nAGQ = nodes, control = control))
  unit <- c(1, 100, 100)
  x <- c(getME(fit, "theta"), fixef(fit))
  fun <- update(fit, devFunOnly = TRUE)
  singular <- x[1] < 1e-4
  scale <- pmax(abs(x), 0.1)
  x <- if (singular) replace(x, 1, 0) else polish(fun, x, scale)
  V <- 2 * solve(hessian(function(z) fun(z * scale), x / scale) / outer(scale, scale))
  list(nodes = nodes, tolerance = tolerance, coefficients = unname(x[-1]) / unit, se = sqrt(diag(V))[-1] / unit,
       covariance = unname(V[-1, -1]) / outer(unit, unit), random_sd = unname(x[1]), log_likelihood = -fun(x) / 2,
       as_printed = list(coefficients = unname(fixef(fit)) / unit, se = unname(sqrt(diag(as.matrix(vcov(fit))))) / unit,
                         random_sd = unname(getME(fit, "theta")), log_likelihood = as.numeric(logLik(fit))),
       singular = unname(singular))
}

sets <- list(
  r3 = tumours(7, 69, 32, 1), few = tumours(11, 28, 14, 1.2), large = tumours(3, 800, 300, 1.2),
  singular = tumours(21, 69, 32, 0), wide = tumours(5, 300, 60, 5),
  pairs = tumours(9, 120, 60, 1.5, per = 2), uneven = tumours(15, NA, 40, 0.9, per = rep(c(1, 1, 2, 7), 10)),
  fourteen = tumours(22, 28, 14, 1.2, b = c(-1.2, 0.01, 0)),
  huge = tumours(29, 28, 14, 1.2, b = c(-1.2, 0.01, 0)), high_dose = tumours(31, 150, 40, 1, b = c(-3, 0.004, 0.001), scale = 250)
)
fits <- lapply(sets, function(d) {
  list(data = d, fits = lapply(c(1, 25), function(nodes) mixed(d, nodes)))
})

# Ends of the profile of the penalised likelihood and its ratio at 0, for the slope; by R's own optimiser.
profile <- function(d) {
  X <- cbind(1, d$dose)
  penalised <- function(b) {
    eta <- drop(X %*% b)
    w <- dlogis(eta)
    sum(d$outcome * eta - log1p(exp(-abs(eta))) - pmax(eta, 0)) + determinant(t(X) %*% (X * w))$modulus / 2
  }
  held <- function(slope) {
    centre <- -slope * mean(d$dose)
    optimize(function(b) penalised(c(b, slope)), centre + c(-60, 60), maximum = TRUE, tol = 1e-12)$objective
  }
  fit <- optim(c(0, 0), function(b) -penalised(c(b[1] - b[2] * mean(d$dose) / 50, b[2] / 50)), method = "BFGS",
               control = list(reltol = 1e-15, maxit = 1000))
  top <- -fit$value; slope <- fit$par[2] / 50
  fall <- function(b) 2 * (top - held(b)) - qchisq(0.95, 1)
  far <- slope; while (fall(far) < 0) far <- far * 2
  near <- slope; while (fall(near) < 0) near <- near - abs(slope)
  list(low = uniroot(fall, c(near, slope), tol = 1e-12)$root, high = uniroot(fall, c(slope, far), tol = 1e-12)$root,
       p = pchisq(2 * (top - held(0)), 1, lower.tail = FALSE))
}

firth <- function(d, formula) {
  fit <- glm(formula, binomial, d, method = "brglmFit", type = "AS_mean", epsilon = 1e-12, maxit = 1000, slowit = 1)
  list(data = d, coefficients = unname(coef(fit)), covariance = unname(vcov(fit)), log_likelihood = as.numeric(logLik(fit)),
       profile = profile(d))
}
separated <- data.frame(dose = c(12, 30, 41, 55, 60, 76, 88, 110, 135, 150), outcome = c(0, 0, 0, 0, 0, 1, 1, 1, 1, 1))
quasi <- rbind(separated, data.frame(dose = 76, outcome = 0))
firths <- list(few = firth(sets$few[, c("dose", "outcome")], outcome ~ dose),
               r3 = firth(sets$r3[, c("dose", "outcome")], outcome ~ dose),
               separated = firth(separated, outcome ~ dose), quasi = firth(quasi, outcome ~ dose),
               high_dose = firth(sets$high_dose[, c("dose", "outcome")], outcome ~ dose))
plain <- lapply(c("few", "r3", "large"), function(k) {
  fit <- glm(outcome ~ dose, binomial, sets[[k]], control = glm.control(epsilon = 1e-14, maxit = 100))
  list(set = k, coefficients = unname(coef(fit)), covariance = unname(vcov(fit)), log_likelihood = as.numeric(logLik(fit)))
})

curve <- function(score, outcome) {
  r <- roc(outcome, score, levels = c(0, 1), direction = "<", quiet = TRUE)
  ci <- suppressWarnings(ci.auc(r, method = "delong"))
  all <- coords(r, "all", ret = c("threshold", "sensitivity", "specificity"), transpose = FALSE)
  best <- coords(r, "best", best.method = "youden", ret = c("threshold", "sensitivity", "specificity"), transpose = FALSE)
  set.seed(1)
  boot <- suppressWarnings(ci.auc(r, method = "bootstrap", boot.n = 10000, boot.stratified = TRUE, progress = "none"))
  list(score = score, outcome = outcome, auc = as.numeric(auc(r)), variance = suppressWarnings(var(r, method = "delong")),
       ci = as.numeric(ci), bootstrap = as.numeric(boot), thresholds = all$threshold[is.finite(all$threshold)],
       sensitivity = all$sensitivity, specificity = all$specificity,
       best = as.list(best[1, ]), best_count = nrow(best))
}
set.seed(2)
perfect <- curve(separated$dose, separated$outcome)
curves <- list(r3 = curve(sets$r3$dose, sets$r3$outcome), large = curve(sets$large$dose, sets$large$outcome),
               ties = curve(round(sets$large$dose / 60), sets$large$outcome),
               few = curve(sets$few$dose, sets$few$outcome),
               rating = curve(c(rep(1:5, c(33, 6, 6, 11, 2)), rep(1:5, c(3, 2, 2, 11, 33))), rep(0:1, c(58, 51))),
               table = curve(rep(c(50, 100, 140, 50, 100, 140), c(1, 11, 8, 6, 1, 1)), rep(c(1, 0), c(20, 8))),
               reversed = curve(-sets$r3$dose, sets$r3$outcome), perfect = perfect)

version <- function(p) as.character(packageVersion(p))
made <- list(R = R.version.string, lme4 = version("lme4"), brglm2 = version("brglm2"), pROC = version("pROC"),
             numDeriv = version("numDeriv"))
dir.create(dirname(out), showWarnings = FALSE, recursive = TRUE)
write(toJSON(list(made = made, mixed = fits, firth = firths, plain = plain, roc = curves), digits = I(17), dataframe = "columns",
             auto_unbox = TRUE), out)
